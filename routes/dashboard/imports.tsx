/**
 * Imports: bringing a file, watching it being taken, and what became of earlier ones.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { Database } from "../../db/connection/database.ts";
import { type ImportRow, listImports, readImport, readRejects } from "../../db/imports/imports.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { encodeCursor } from "../../domain/paging.ts";
import { cancelsOnly } from "../middleware/caller.ts";
import type { AppDeps } from "../deps.ts";
import { slowAnswer } from "../middleware/slow_answer.ts";
import { operatorOf } from "../middleware/operator.ts";
import type { ImportRuns } from "../../services/imports/import_runs.ts";
import { problemOf } from "../middleware/problem.ts";
import { knowsQuery } from "../middleware/known_query.ts";
import { readForm } from "../middleware/read_form.ts";
import { BringFile, type FileChoices, importsPath, OwnColumns } from "./bring_file.tsx";
import { notFoundPage } from "./error_page.tsx";
import { mayCancel, PostForm, ScopeNeeded } from "./form.tsx";
import { answerPreview, followsPreview, importUpload, streamPreview } from "./import_upload.tsx";
import {
  ImportTable,
  Progress,
  readFirstRejects,
  Reasons,
  type Reject,
  Rejects,
} from "./import_parts.tsx";
import { counted, plural } from "./format.ts";
import { LiveDot, page, PageHead } from "./layout.tsx";
import { type LiveState, liveStream } from "./live.ts";
import { Empty, linkTo, Pager, Region, Time, toHtml } from "./parts.tsx";
import { idOf, pageSize, readPageQuery, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const home = importsPath;

/** `GET /dashboard/imports`, `POST` to bring a file, one import, its stream, and cancelling it. */
export function importPageRoutes(deps: AppDeps, runs: ImportRuns): Hono {
  const app = new Hono();
  const { db } = deps;

  app.get("/imports", (c) => showList(c, deps));

  app.post("/imports", knowsQuery("preview"), async (c) => {
    if (said(c, "preview") === "1") return await showPreview(c, deps, runs);
    try {
      return c.redirect(`${home}/${await importUpload(c, deps, runs)}`, 303);
    } catch (error) {
      if (!(error instanceof WorkflowError)) throw error;
      return await showList(c, deps, error);
    }
  });

  app.get("/imports/:id{[0-9]{1,15}}", (c) => showOne(c, deps));

  app.get("/imports/:id{[0-9]{1,15}}/live", async (c) => {
    const first = await need(readImport(db, idOf(c)));
    if (first === undefined) return await notFoundPage(c, `There is no import #${idOf(c)}`);
    return await liveStream(c, deps, async (): Promise<LiveState> => {
      const row = await need(readImport(db, idOf(c))) ?? first;
      return { regions: { progress: await toHtml(<Progress row={row} />) } };
    });
  });

  app.post("/imports/:id{[0-9]{1,15}}/cancel", async (c) => {
    const id = idOf(c);
    if (!isConfirmed(await readForm(c))) return await askCancel(c, deps);
    await need(runs.cancel(id, operatorOf(c, deps.config), { only: cancelsOnly(c.get("caller")) }));
    return c.redirect(`${home}/${id}`, 303);
  });

  return app;
}

const noChoices: FileChoices = { keepGoodRows: false, replace: false };

/** What a file would do, or why it can't be told; the script of the page is told how far it is. */
async function showPreview(c: Context, deps: AppDeps, runs: ImportRuns): Promise<Response> {
  if (followsPreview(c)) return await streamPreview(c, deps, runs);
  const stop = new AbortController();
  const isRead = Promise.withResolvers<void>();
  const work = answerPreview(c, deps, runs, {
    onProgress({ phase }) {
      if (phase === "writing") isRead.resolve();
    },
    signal: stop.signal,
  }).then(({ html, status }) =>
    page(
      c,
      { title: "Preview", nav: home, status, uploads: true },
      (
        <>
          <PageHead title="Preview" crumb={[home, "Imports"]} note="Nothing was changed yet" />
          {raw(html)}
        </>
      ),
    )
  );
  const type = "text/html; charset=UTF-8";
  const onBreak = (error: unknown) => deps.log.error("preview failed", { error: messageOf(error) });
  return await slowAnswer(c, { work, certain: isRead.promise, stop, onBreak, type });
}

/** What is brought and what was brought; after a file that was not taken, why. */
async function showList(
  c: Context,
  { db }: AppDeps,
  fault?: WorkflowError,
): Promise<Response> {
  const beforeId = readPageQuery(c).cursor("imports");
  const rows = await need(listImports(db, { beforeId, limit: pageSize + 1 }));
  const shown = rows.slice(0, pageSize);
  return page(
    c,
    {
      title: "Imports",
      nav: home,
      status: fault === undefined ? 200 : problemOf(fault).status,
      uploads: true,
    },
    (
      <>
        <PageHead
          title="Imports"
          note="Files of orders: previewed, mended where they need it, and imported"
        />
        <BringFile c={c} choices={noChoices} fault={fault} />
        <OwnColumns />
        <section aria-labelledby="earlier-heading" data-beside>
          <h2 id="earlier-heading" class="heading">Earlier imports</h2>
          {shown.length === 0
            ? <Empty title="No file was imported yet" />
            : <ImportTable imports={shown} />}
          <Pager
            shown=""
            first={beforeId === undefined ? undefined : home}
            next={rows.length > pageSize
              ? linkTo(home, { cursor: encodeCursor("imports", shown.at(-1)!.id) })
              : undefined}
          />
        </section>
      </>
    ),
  );
}

/** One import: how far it is, or what came of it. */
async function showOne(c: Context, { db }: AppDeps): Promise<Response> {
  const row = await need(readImport(db, idOf(c)));
  if (row === undefined) return await notFoundPage(c, `There is no import #${idOf(c)}`);
  const rejects = await firstRejectsOf(db, row);
  const isRunning = row.status === "RUNNING";
  return page(
    c,
    {
      title: `Import ${row.source}`,
      nav: home,
      live: isRunning ? `${home}/${row.id}/live` : undefined,
    },
    (
      <>
        <PageHead
          title={row.source}
          crumb={[home, "Imports"]}
          note={
            <>
              <Time at={row.createdAt} />
              {row.actor && `, brought by ${row.actor}`}
            </>
          }
        >
          {isRunning && <LiveDot />}
          {!row.dryRun && row.counts.ordersNew > 0 && (
            <a class="button" href={linkTo("/dashboard/orders", { import: row.id })}>
              Its new orders
            </a>
          )}
          {rejects !== undefined && (
            <a class="button" href={`/imports/${row.id}/rejects`} download>Download rejects</a>
          )}
          {isRunning && <Cancel c={c} row={row} />}
        </PageHead>
        <Region name="progress">
          <Progress row={row} />
        </Region>
        {row.reasons.length > 0 && <Reasons reasons={row.reasons} isTrial={row.dryRun} />}
        {isWithoutRejects(row, rejects) && (
          <p class="pager small">
            The rows themselves are not kept here: a command writes them with{" "}
            <code>--rejects=FILE</code>
          </p>
        )}
        {rejects !== undefined && rejects.length > 0 && (
          <Rejects rejects={rejects} count={row.counts.rowsRejected} />
        )}
      </>
    ),
  );
}

/** The first rows that were not taken; undefined where no file of them is kept. */
async function firstRejectsOf(db: Database, row: ImportRow): Promise<Reject[] | undefined> {
  if (row.status !== "DONE" || row.dryRun || row.counts.rowsRejected === 0) return undefined;
  // The header has a piece of its own, and the first rows are in the next one.
  const [header, rows] = await need(
    Promise.all([readRejects(db, row.id, 0), readRejects(db, row.id, 1)]),
  );
  return header === undefined ? undefined : await readFirstRejects(header + (rows ?? ""));
}

/** Whether rows were rejected that can't be had from here, as those of a command. */
function isWithoutRejects(
  { status, dryRun, counts }: ImportRow,
  rejects: Reject[] | undefined,
): boolean {
  return status === "DONE" && !dryRun && counts.rowsRejected > 0 && rejects === undefined;
}

/** Ends an import, for those who may. */
const Cancel: FC<{ c: Context; row: ImportRow }> = ({ c, row: { id, actor } }) =>
  mayCancel(c, actor, `import ${id}`)
    ? (
      <PostForm c={c} action={`${home}/${id}/cancel`}>
        <button type="submit" class="danger">Cancel…</button>
      </PostForm>
    )
    : <ScopeNeeded missing="cancel" />;

/** Asks before an import is ended. */
async function askCancel(c: Context, { db }: AppDeps): Promise<Response> {
  const row = await need(readImport(db, idOf(c)));
  if (row === undefined) return notFoundPage(c, `There is no import #${idOf(c)}`);
  return await askFirst(c, {
    title: `Cancel the import of ${row.source}?`,
    note: row.actor === null ? undefined : `Brought by ${row.actor}`,
    says: `${counted(row.counts.orders, "order was", "orders were")} written so far, and ` +
      `${plural(row.counts.orders, "it stays", "they stay")}. Importing the ` +
      "file again takes the rest.",
    nav: home,
    action: `${home}/${row.id}/cancel`,
    verb: "Cancel the import",
    danger: true,
    crumb: [`${home}/${row.id}`, row.source],
    keep: "Let it run",
  });
}
