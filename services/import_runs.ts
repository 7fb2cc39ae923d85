/**
 * Imports that run on after their upload was answered.
 *
 * @module
 */

import type { OnlyOf } from "../../../domain/order/bringer.ts";
import { messageOf, WorkflowError } from "../../../domain/errors.ts";
import { rejectsCsv } from "../../../domain/import/rejects_csv.ts";
import type { Database, Queryable } from "../../../db/connection/database.ts";
import {
  addRejects,
  cancelImport,
  type CancelImportOptions,
  createImport,
  deleteRejects,
  type ImportRow,
  touchImport,
} from "../../../db/imports/imports.ts";
import { holdRejects } from "../../../streams/imports/held_rejects.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import type { RejectsFile } from "../../../streams/imports/rejects_file.ts";
import type { AppDeps } from "../../deps.ts";
import { sharedPlaces } from "../description/places.ts";

/** Imports at once in one process: each takes three connections and some 100 MB. */
const mostRuns = 4;

/** Of these, imports at once of one token, so that none shuts the others out. */
const mostRunsOfToken = 2;

/** Most rows of a file, and most bytes once it is unpacked: a small archive may hold very much. */
const fileLimits = { rows: 20_000_000, unpackedBytes: 8 * 1024 ** 3 };

/** Milliseconds between two signs of life, and until a wish to cancel is heard. */
const touchEveryMs = 1_000;

/** What is to be imported. */
export interface ImportRequest {
  /** The file; gzip is recognised. */
  source: ReadableStream<Uint8Array>;
  /** Its name. */
  name: string;
  /** Check and compare only. */
  dryRun: boolean;
  /** Leave bad rows out instead of rejecting their orders. */
  keepGoodRows: boolean;
  /** Let the file take items away from orders that are still `PENDING`. */
  replace?: boolean;
  /** Units of new products; undefined for the setting. */
  initialStock?: number;
  /** Who brings it. */
  actor: string;
  /** Limits them to changing orders that they have brought themselves; undefined for everybody's. */
  only: OnlyOf | undefined;
  /** Name of the token that brings it; null where nobody is asked. */
  token: string | null;
  /** Is called in the transaction that begins the import. */
  onBegin?: (tx: Queryable, importId: number) => Promise<void>;
}

/** Starts and ends imports. */
export interface ImportRuns {
  /**
   * Reads the file to its end and then imports it. A sender that goes away in the middle, a file that is no
   * CSV, and a crash until then leave nothing behind.
   *
   * @returns the import's id, once the file was read and found to be a CSV of orders; what follows goes on
   * by itself and is told in `imports`
   * @throws {WorkflowError} `unavailable` when too many imports run, or of this token; `invalid` for a file that is no CSV
   * @throws what reading the file throws
   */
  start(request: ImportRequest): Promise<number>;
  /** Ends an import between two batches, see {@linkcode cancelImport}: at once where it runs in this process. */
  cancel(importId: number, actor: string, options?: CancelImportOptions): Promise<ImportRow>;
}

/**
 * Makes {@linkcode ImportRuns}.
 *
 * @param limits of a file; for tests
 */
export function importRuns(deps: AppDeps, limits: typeof fileLimits = fileLimits): ImportRuns {
  const { db, log } = deps;
  // Where there is but one token, nobody else could want the places.
  const names = new Set(deps.config.apiTokens.map(({ name }) => name));
  const share = names.size > 1 ? mostRunsOfToken : mostRuns;
  const places = sharedPlaces({ most: mostRuns, share });
  const running = new Set<{ id: number | undefined; stop: AbortController }>();
  deps.stopping?.addEventListener("abort", () => {
    const reason = new WorkflowError(
      "unavailable",
      "The process was stopped; import the file again to finish it",
    );
    for (const { stop } of running) stop.abort(reason);
  });

  return {
    start(request) {
      const place = deps.stopping?.aborted ? "full" : places.take(request.token);
      if (typeof place === "string") {
        const why = place === "full"
          ? "Too many imports are running; try again later"
          : `${share} imports of the token ${request.token} are running, which may have no more ` +
            "at once; try again when one of them has ended";
        return Promise.reject(new WorkflowError("unavailable", why));
      }
      const accepted = Promise.withResolvers<number>();
      const run = { id: undefined as number | undefined, stop: new AbortController() };
      running.add(run);
      let touching: ReturnType<typeof setInterval> | undefined;
      const touch = async (id: number) => {
        if (await touchImport(db, id)) run.stop.abort();
      };
      const work = importOrders(deps, request.source, {
        name: request.name,
        initialStock: request.initialStock ?? deps.config.initialStock,
        dryRun: request.dryRun,
        keepGoodRows: request.keepGoodRows,
        replace: request.replace,
        actor: request.actor,
        only: request.only,
        signal: run.stop.signal,
        onProgress: ({ rowsRead, unpackedBytes }) => {
          const over = rowsRead > limits.rows
            ? `${limits.rows} rows`
            : unpackedBytes > limits.unpackedBytes
            ? `${limits.unpackedBytes} bytes once it is unpacked`
            : undefined;
          if (over !== undefined) {
            throw new WorkflowError("invalid", `The file must have at most ${over}`);
          }
        },
        begin: async () => {
          const id = await db.transaction(async (tx) => {
            const id = await createImport(tx, request.name, request);
            await request.onBegin?.(tx, id);
            return id;
          }, { repeatable: false });
          run.id = id;
          touching = setInterval(
            () =>
              touch(id).catch((error) =>
                log.debug("no sign of life of an import", { import: id, error: messageOf(error) })
              ),
            touchEveryMs,
          );
          accepted.resolve(id);
          return id;
        },
        // A trial leaves nothing but its own row, which tells why rows would not be taken.
        openRejects: request.dryRun
          ? undefined
          : (header) => openStoredRejects(db, run.id!, header),
      });
      const ended = work.then(
        ({ orders, seconds }) => log.info("import finished", { import: run.id, orders, seconds }),
        (error) => {
          accepted.reject(error);
          if (run.id === undefined) return;
          log.warn("import ended early", { import: run.id, error: messageOf(error) });
        },
      ).finally(() => {
        clearInterval(touching);
        running.delete(run);
        place();
        deps.background?.delete(ended);
      });
      deps.background?.add(ended);
      return accepted.promise;
    },
    async cancel(importId, actor, options) {
      const row = await cancelImport(db, importId, actor, options);
      log.info("import cancelled", { import: importId, actor });
      for (const { id, stop } of running) if (id === importId) stop.abort();
      return row;
    },
  };
}

/** A rejects file in the database, where every process finds it. */
async function openStoredRejects(
  db: Database,
  importId: number,
  header: readonly string[],
): Promise<RejectsFile> {
  const text = rejectsCsv(header);
  let pieces = 0;
  let isOpen = true;
  const held = holdRejects(text, (csv) => addRejects(db, importId, pieces++, csv));

  await addRejects(db, importId, pieces++, text.header);
  return {
    add: (rows) => held.add(rows),
    async finish() {
      await held.flush();
      isOpen = false;
    },
    async discard() {
      if (!isOpen) return;
      isOpen = false;
      await deleteRejects(db, importId);
    },
  };
}
