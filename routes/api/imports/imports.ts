/**
 * Imports over HTTP: sending a file, and what becomes of it.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { z } from "zod";
import { messageOf, WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, pageOf } from "../../../domain/paging.ts";
import {
  type ImportRow,
  listImports,
  readImport,
  readRejects,
} from "../../../db/imports/imports.ts";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { importAnswer, importListAnswer } from "../description/answers.ts";
import { importPreview, previewAnswer } from "../description/preview_answer.ts";
import { cancelsOnly, looksOnlyAt } from "../../middleware/caller.ts";
import { checked, idParam } from "../../middleware/checked.ts";
import { piecedBody, takeFilePlace, takePlace } from "../../middleware/read_answer.ts";
import { problemHandler } from "../../middleware/problem.ts";
import { slowAnswer } from "../../middleware/slow_answer.ts";
import { operatorOf } from "../../middleware/operator.ts";
import type { AppDeps } from "../../deps.ts";
import { described, type Description } from "../description/described.ts";
import { addPagedList } from "../description/paged_list.ts";
import { eventStreamHead } from "../../middleware/event_stream_head.ts";
import { files } from "../description/file_examples.ts";
import { doneImport, endingImport, importList, runningImport } from "./import_examples.ts";
import {
  type AnswerOnce,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import type { ImportRuns } from "../../../services/imports/import_runs.ts";
import { sharedPlaces } from "../../../domain/operation/shared_places.ts";
import { importQuery, pageQuery } from "../description/queries.ts";
import { followImport } from "./follow_import.ts";
import { importJson } from "./import_json.ts";
import type { UploadedFile } from "./multipart.ts";
import { hashedUpload, openUpload } from "./upload.ts";

/** Followers at once, of all and of one token: each asks the database that often. */
const followerPlaces = { max: 200, share: 50 };

/** True for a request that brings a file, which is larger than other bodies and takes its time. */
export function bringsFile(c: Context): boolean {
  return c.req.method === "POST" && /^\/(imports|reconciliations)\/?$/.test(c.req.path);
}

/** What the OpenAPI document says of sending a file. */
const uploadDescription: Description = {
  summary: "Imports a file of orders, or previews it",
  description:
    "Read to its end before anything is written; the answer comes then, and the import goes " +
    "on by itself. A dry run leaves nothing but the import itself, with its counts and reasons. A file that is not in " +
    "the importer's own columns is previewed first (`preview=true`), and then sent again with the `plan` of its preview; " +
    "a refusal lists every question and every fault of the file among its `errors`.",
  tag: "Imports",
  scopes: ["orders"],
  answers: {
    200: {
      says: "With `preview`: what the file would do",
      schema: previewAnswer,
      example: importPreview,
    },
    202: {
      says: "It is a CSV of orders",
      schema: importAnswer,
      example: runningImport,
      located: true,
    },
  },
  problems: [415, "invalid"],
  body: {
    "text/csv": { example: files.import },
    "application/gzip": {
      schema: { type: "string", format: "binary" },
      example: "the same, packed",
    },
    "multipart/form-data": {
      example: { file: files.import },
      schema: {
        type: "object",
        properties: {
          profile: {
            type: "string",
            description: "A profile's JSON document, which must stand before the file",
          },
          file: { type: "string", format: "binary" },
        },
        required: ["file"],
      },
    },
  },
  repeatable: true,
};

/**
 * `POST /imports`, `GET /imports`, `GET /imports/{id}`, `GET /imports/{id}/events`,
 * `GET /imports/{id}/rejects` and `POST /imports/{id}/cancel`.
 */
export function importRoutes(deps: AppDeps, runs: ImportRuns): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addUpload(app, deps, runs, answerOnce);
  addList(app, deps);
  addDetail(app, deps);
  addEvents(app, deps);
  addRejects(app, deps);
  addCancel(app, deps, runs, answerOnce);
  return app;
}

/** An import of somebody else is as though it were not there, for whoever has no `read`. */
async function findImport(c: Context, { db }: AppDeps, id: number): Promise<ImportRow> {
  const found = await readImport(db, id);
  const only = looksOnlyAt(c.get("caller"));
  if (found === undefined || (only !== undefined && found.actor !== only)) {
    throw new WorkflowError("not_found", `There is no import ${id}`);
  }
  return found;
}

/** Answers with what an upload holds and would do, as soon as it is certain whether it can be read. */
async function answerPreview(
  c: Context,
  deps: AppDeps,
  runs: ImportRuns,
  request: Omit<Parameters<ImportRuns["preview"]>[0], "asksForColumns" | "signal" | "onProgress">,
): Promise<Response> {
  const { previewJson } = await import("../../../services/imports/import_profiles.ts");
  const stop = new AbortController();
  const isRead = Promise.withResolvers<void>();
  const work = runs.preview({
    ...request,
    asksForColumns: true,
    signal: stop.signal,
    onProgress({ phase }) {
      if (phase === "writing") isRead.resolve();
    },
  }).then((preview) => c.json(previewJson(preview)));
  return await slowAnswer(c, {
    work,
    certain: isRead.promise,
    stop,
    onBreak: (error) => deps.log.error("preview failed", { error: messageOf(error) }),
    refusal: (error) => error instanceof WorkflowError ? problemHandler(deps)(error, c) : undefined,
    type: "application/json",
  });
}

function addUpload(app: Hono, deps: AppDeps, runs: ImportRuns, answerOnce: AnswerOnce): void {
  app.post(
    "/imports",
    described(uploadDescription),
    checked("header", idempotencyHeaders),
    checked("query", importQuery),
    async (c) => {
      const query = c.req.valid("query");
      const opened = await openUpload(c, deps, Object.keys(importQuery.shape));
      const request = {
        source: opened.source,
        name: query.name ?? (opened.name || "upload"),
        profile: await uploadProfile(query.profile, opened),
        sheet: query.sheet,
        settings: await settingsSaid(query.set),
        keepGoodRows: query.keep_good_rows ?? false,
        replace: query.replace ?? false,
        initialStock: query.initial_stock,
        operator: operatorOf(c, deps.config),
        only: cancelsOnly(c.get("caller")),
        seesOthers: looksOnlyAt(c.get("caller")) === undefined,
        token: c.get("caller").name,
      };
      if (query.preview) return await answerPreview(c, deps, runs, request);
      const upload = hashedUpload(opened);
      const isSame = async (answer: KeyedAnswer) => {
        for await (const _ of upload.source);
        return upload.hash() === answer.bodyHash;
      };
      return await answerOnce(c, ["import", ...saidOf(query, upload)], async (key) => {
        const answer = (row: ImportRow): KeyedAnswer => ({
          status: 202,
          location: `/imports/${row.id}`,
          body: importJson(row),
          bodyHash: upload.hash(),
        });
        const id = await runs.start({
          ...request,
          source: upload.source,
          plan: query.plan,
          yes: query.yes,
          dryRun: query.dry_run ?? false,
          onBegin: key === null ? undefined : async (tx, importId) => {
            const row = (await readImport(tx, importId))!;
            await storeAnswers(tx, [{ key, answer: answer(row) }]);
          },
        });
        return { ...answer(await findImport(c, deps, id)), stored: true };
      }, { isSame });
    },
  );
}

/** What a request says beside its file; what it does not say leaves no trace, so keys of before it could be are known. */
function saidOf(
  query: z.output<typeof importQuery>,
  upload: UploadedFile,
): (string | number | boolean | null)[] {
  return [
    query.dry_run ?? false,
    query.keep_good_rows ?? false,
    query.initial_stock ?? null,
    ...(query.replace ? ["replace"] : []),
    ...(query.profile === undefined ? [] : [`profile ${query.profile}`]),
    ...(upload.profile === undefined ? [] : [`document ${upload.profile}`]),
    ...(query.sheet === undefined ? [] : [`sheet ${query.sheet}`]),
    ...(query.set ?? []).map((one) => `set ${one}`),
    ...(query.plan === undefined ? [] : [`plan ${query.plan}`]),
    ...(query.yes ? ["yes"] : []),
  ];
}

/**
 * The profile that explains an upload.
 *
 * @throws {WorkflowError} `bad_request` for a name that is not known, or for both a name and a document; `invalid` for a
 * document that is no profile
 */
async function uploadProfile(
  name: string | undefined,
  { profile: document }: UploadedFile,
): Promise<ImportProfile | undefined> {
  if (name === undefined && document === undefined) return undefined;
  if (name !== undefined && document !== undefined) {
    throw new WorkflowError("bad_request", "Name a profile or send one, not both");
  }
  const profiles = await import("../../../services/imports/import_profiles.ts");
  return name === undefined ? profiles.readProfile(document!) : profiles.shippedProfile(name);
}

/** @throws {WorkflowError} `invalid` for what is no setting of a profile */
async function settingsSaid(said: readonly string[] | undefined) {
  if (said === undefined) return undefined;
  const { namedSettings } = await import("../../../services/imports/import_profiles.ts");
  return await namedSettings(said);
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/imports", {
    summary: "Lists imports, the latest first",
    description:
      "Without `read` only those that a token of the same name has brought; likewise below.",
    tag: "Imports",
    scopes: ["read", "orders"],
    page: { schema: importListAnswer, example: importList },
    query: pageQuery,
    read: async (db, _filters, { cursor, limit }, { caller }) => {
      const beforeId = cursor === undefined ? undefined : decodeCursor("imports", cursor);
      const actor = looksOnlyAt(caller);
      const rows = await listImports(db, { beforeId, limit: limit + 1, actor });
      const { data, nextCursor } = pageOf("imports", rows, limit);
      return { data: data.map(importJson), nextCursor };
    },
  });
}

function addDetail(app: Hono, deps: AppDeps): void {
  app.get(
    "/imports/:id",
    described({
      summary: "Shows an import: its status and counts",
      tag: "Imports",
      scopes: ["read", "orders"],
      answers: { 200: { says: "The import", schema: importAnswer, example: doneImport } },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      return c.json(importJson(await findImport(c, deps, c.req.valid("param").id)));
    },
  );
}

function addEvents(app: Hono, deps: AppDeps): void {
  const followers = sharedPlaces(followerPlaces);
  app.get(
    "/imports/:id/events",
    described({
      summary: "Follows an import until it ends",
      description:
        "Server-sent events: `progress` whenever something changes, then `end`; each has the import " +
        "as its data.",
      tag: "Imports",
      scopes: ["read", "orders"],
      answers: {
        200: { says: "The events", type: "text/event-stream", example: files.progress },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const row = await findImport(c, deps, id);
      const place = takePlace(c, followers, "imports are followed");
      c.header("x-accel-buffering", "no");
      if (c.req.method === "HEAD") {
        place();
        return eventStreamHead(c);
      }
      return followImport(c, deps, {
        row,
        readAgain: () => findImport(c, deps, id),
        onEnd: place,
      });
    },
  );
}

function addRejects(app: Hono, deps: AppDeps): void {
  app.get(
    "/imports/:id/rejects",
    described({
      summary: "The rows that were not taken, as CSV",
      description:
        "The file's own columns with `line` and `reason`, to be mended and imported again: all rows of every " +
        "order of which a row was not taken. A field that a spreadsheet would take for a formula has an " +
        "apostrophe in front, which the import takes off.",
      tag: "Imports",
      scopes: ["read", "orders"],
      answers: {
        200: { says: "The rejects file", type: "text/csv", example: files.rejects, file: true },
      },
      problems: ["not_found", "import_has_no_rejects"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const { status, dryRun, actor } = await findImport(c, deps, id);
      const hasRejects = status === "DONE" && await readRejects(deps.db, id, 0) !== undefined;
      if (!hasRejects) {
        throw new WorkflowError(
          "import_has_no_rejects",
          dryRun
            ? `Import ${id} was a dry run, which keeps no rejects; its reasons stand in the import`
            : status === "DONE" && actor !== null
            ? `The rejects of import ${id} were deleted: they are kept for ${deps.config.keepRejectsDays} days`
            : status === "DONE"
            ? `Import ${id} was a command's, which writes its rejects to a file of its own`
            : `Import ${id} has no rejects file, because it is ${status}`,
        );
      }
      c.header("content-type", "text/csv; charset=utf-8");
      c.header("content-disposition", `attachment; filename="import-${id}-rejects.csv"`);
      if (c.req.method === "HEAD") return c.body(null);
      const encoder = new TextEncoder();
      let piece = 0;
      return c.body(piecedBody({
        async next() {
          const csv = await readRejects(deps.db, id, piece++);
          return csv === undefined ? undefined : encoder.encode(csv);
        },
        onBreak: (error) =>
          deps.log.warn("rejects were broken off", { import: id, error: messageOf(error) }),
        onEnd: takeFilePlace(c),
        stopping: deps.stopping,
      }));
    },
  );
}

function addCancel(app: Hono, deps: AppDeps, runs: ImportRuns, answerOnce: AnswerOnce): void {
  app.post(
    "/imports/:id/cancel",
    described({
      summary: "Ends an import between two batches; what was written stays",
      description:
        "With `orders` an import that a token of the same name has brought, with `cancel` any.",
      tag: "Imports",
      scopes: ["orders", "cancel"],
      answers: {
        202: { says: "It will end", schema: importAnswer, example: endingImport, located: true },
      },
      problems: ["not_found", "not_yours", "import_not_cancellable"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      const operator = operatorOf(c, deps.config);
      return answerOnce(c, ["cancel import", id], async (key) => {
        const answer = (row: ImportRow): KeyedAnswer => ({
          status: 202,
          location: `/imports/${id}`,
          body: importJson(row),
        });
        const row = await runs.cancel(id, operator, {
          only: cancelsOnly(c.get("caller")),
          inTransaction: key === null
            ? undefined
            : (tx, row) => storeAnswers(tx, [{ key, answer: answer(row) }]),
        });
        return { ...answer(row), stored: key !== null };
      });
    },
  );
}
