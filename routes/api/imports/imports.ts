/**
 * Imports over HTTP: sending a file, and what becomes of it.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { messageOf, WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, pageLimits, pageOf } from "../../../domain/paging.ts";
import {
  type ImportRow,
  listImports,
  readImport,
  readRejects,
} from "../../../db/imports/imports.ts";
import { importAnswer, importListAnswer } from "../description/answers.ts";
import { cancelsOnly, looksOnlyAt } from "../../middleware/caller.ts";
import { checked, idParam } from "../../middleware/checked.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { eventStreamHead } from "../../middleware/event_stream_head.ts";
import {
  doneImport,
  endingImport,
  files,
  importList,
  runningImport,
} from "../description/examples.ts";
import {
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import type { ImportRuns } from "../../../services/import_runs.ts";
import { sharedPlaces } from "../../../domain/operation/shared_places.ts";
import { importQuery, pageQuery } from "../description/queries.ts";
import { openUpload } from "./upload.ts";

/** Milliseconds between two looks at an import whose progress somebody follows. */
const lookEveryMs = 500;

/** Followers at once, of all and of one token: each asks the database that often. */
const followerPlaces = { most: 200, share: 50 };

/** Milliseconds of silence after which a follower gets a sign of life. */
const silenceMs = 15_000;

/** True for a request that brings a file, which is larger than other bodies and takes its time. */
export function bringsFile(c: Context): boolean {
  return c.req.method === "POST" && /^\/imports\/?$/.test(c.req.path);
}

/**
 * `POST /imports`, `GET /imports`, `GET /imports/{id}`, `GET /imports/{id}/events`,
 * `GET /imports/{id}/rejects` and `POST /imports/{id}/cancel`.
 */
export function importRoutes(deps: AppDeps, runs: ImportRuns): Hono {
  const app = new Hono();
  const followers = sharedPlaces(followerPlaces);
  const { db } = deps;
  const answerOnce = idempotency(deps);

  /** An import of somebody else is as though it were not there, for whoever has no `read`. */
  const find = async (c: Context, id: number): Promise<ImportRow> => {
    const found = await readImport(db, id);
    const only = looksOnlyAt(c.get("caller"));
    if (found === undefined || (only !== undefined && found.actor !== only)) {
      throw new WorkflowError("not_found", `There is no import ${id}`);
    }
    return found;
  };

  app.post(
    "/imports",
    described({
      summary: "Imports a file of orders",
      description:
        "Read to its end before anything is written; the answer comes then, and the import goes " +
        "on by itself. A dry run leaves nothing but the import itself, with its counts and reasons.",
      tag: "Imports",
      scopes: ["orders"],
      answers: {
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
            properties: { file: { type: "string", format: "binary" } },
            required: ["file"],
          },
        },
      },
      repeatable: true,
    }),
    checked("header", idempotencyHeaders),
    checked("query", importQuery),
    async (c) => {
      const query = c.req.valid("query");
      const upload = await openUpload(c, deps);
      const said = [
        query.dry_run ?? false,
        query.keep_good_rows ?? false,
        query.initial_stock ?? null,
        // Only where it is asked for: keys of before it could be are still known.
        ...(query.replace ? ["replace"] : []),
      ];
      const isSame = async (answer: KeyedAnswer) => {
        for await (const _ of upload.source);
        return upload.hash() === answer.bodyHash;
      };
      return await answerOnce(c, ["import", ...said], async (key) => {
        const answer = (row: ImportRow): KeyedAnswer => ({
          status: 202,
          location: `/imports/${row.id}`,
          body: importJson(row),
          bodyHash: upload.hash(),
        });
        const id = await runs.start({
          source: upload.source,
          name: query.name ?? (upload.name || "upload"),
          dryRun: query.dry_run ?? false,
          keepGoodRows: query.keep_good_rows ?? false,
          replace: query.replace ?? false,
          initialStock: query.initial_stock,
          actor: c.get("caller").actor,
          only: cancelsOnly(c.get("caller")),
          token: c.get("caller").name,
          onBegin: key === null ? undefined : async (tx, importId) => {
            const row = (await readImport(tx, importId))!;
            await storeAnswers(tx, [{ key, answer: answer(row) }]);
          },
        });
        return { ...answer(await find(c, id)), stored: true };
      }, { isSame });
    },
  );

  app.get(
    "/imports",
    described({
      summary: "Lists imports, the latest first",
      description:
        "Without `read` only those that a token of the same name has brought; likewise below.",
      tag: "Imports",
      scopes: ["read", "orders"],
      answers: { 200: { says: "A page", schema: importListAnswer, example: importList } },
    }),
    checked("query", pageQuery),
    async (c) => {
      const { limit = pageLimits.fallback, cursor } = c.req.valid("query");
      const beforeId = cursor === undefined ? undefined : decodeCursor("imports", cursor);
      const actor = looksOnlyAt(c.get("caller"));
      const rows = await listImports(db, { beforeId, limit: limit + 1, actor });
      const { data, nextCursor } = pageOf("imports", rows, limit);
      return c.json({ data: data.map(importJson), next_cursor: nextCursor });
    },
  );

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
      return c.json(importJson(await find(c, c.req.valid("param").id)));
    },
  );

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
      let row = await find(c, id);
      const { name } = c.get("caller");
      const place = followers.take(name);
      if (typeof place === "string") {
        const whose = place === "full" ? "" : ` by the token ${name}`;
        throw new WorkflowError(
          "unavailable",
          `Too many imports are followed${whose}; try again later`,
        );
      }
      c.header("x-accel-buffering", "no");
      if (c.req.method === "HEAD") {
        place();
        return eventStreamHead(c);
      }
      return streamSSE(c, async (stream) => {
        const stop = new AbortController();
        stream.onAbort(() => stop.abort());
        deps.stopping?.addEventListener("abort", () => stop.abort(), { signal: stop.signal });
        try {
          let sent = "";
          let sentAt = performance.now();
          while (!stop.signal.aborted) {
            const data = JSON.stringify(importJson(row));
            if (data !== sent) {
              await stream.writeSSE({ event: "progress", data });
              sent = data;
              sentAt = performance.now();
            } else if (performance.now() - sentAt >= silenceMs) {
              await stream.write(": still here\n\n");
              sentAt = performance.now();
            }
            if (row.status !== "RUNNING") {
              await stream.writeSSE({ event: "end", data });
              break;
            }
            await new Promise<void>((resolve) => {
              const timer = setTimeout(resolve, lookEveryMs);
              stop.signal.addEventListener("abort", () => {
                clearTimeout(timer);
                resolve();
              }, { once: true });
            });
            row = await find(c, id);
          }
        } finally {
          place();
          stop.abort();
        }
      }, (error) => {
        deps.log.warn("events of an import ended", { import: id, error: messageOf(error) });
        return Promise.resolve();
      });
    },
  );

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
      const { status, dryRun } = await find(c, id);
      const first = status === "DONE" ? await readRejects(db, id, 0) : undefined;
      if (first === undefined) {
        throw new WorkflowError(
          "import_has_no_rejects",
          dryRun
            ? `Import ${id} was a dry run, which keeps no rejects; its reasons stand in the import`
            : status === "DONE"
            ? `Import ${id} was a command's, which writes its rejects to a file of its own`
            : `Import ${id} has no rejects file, because it is ${status}`,
        );
      }
      c.header("content-type", "text/csv; charset=utf-8");
      c.header("content-disposition", `attachment; filename="import-${id}-rejects.csv"`);
      return c.body(
        ReadableStream.from((async function* () {
          for (let piece = 1, csv: string | undefined = first; csv !== undefined; piece++) {
            yield csv;
            csv = await readRejects(db, id, piece);
          }
        })()).pipeThrough(new TextEncoderStream()),
      );
    },
  );

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
      const { actor } = c.get("caller");
      return answerOnce(c, ["cancel import", id], async (key) => {
        const answer = (row: ImportRow): KeyedAnswer => ({
          status: 202,
          location: `/imports/${id}`,
          body: importJson(row),
        });
        const row = await runs.cancel(id, actor, {
          only: cancelsOnly(c.get("caller")),
          inTransaction: key === null
            ? undefined
            : (tx, row) => storeAnswers(tx, [{ key, answer: answer(row) }]),
        });
        return { ...answer(row), stored: key !== null };
      });
    },
  );

  return app;
}

/** An import as the API shows it. */
export function importJson(row: ImportRow) {
  const { counts } = row;
  return {
    id: row.id,
    source: row.source,
    dry_run: row.dryRun,
    actor: row.actor,
    status: row.status,
    cancel_requested: row.cancelRequested,
    cancelled_by: row.cancelledBy,
    error: row.error,
    reasons: row.reasons,
    rows: counts.rows,
    rows_rejected: counts.rowsRejected,
    orders: counts.orders,
    orders_new: counts.ordersNew,
    orders_updated: counts.ordersUpdated,
    orders_unchanged: counts.ordersUnchanged,
    orders_rejected: counts.ordersRejected,
    orders_conflict: counts.ordersConflict,
    published: counts.published,
    money: row.money,
    created_at: row.createdAt,
    finished_at: row.finishedAt,
  };
}
