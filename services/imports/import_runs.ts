/**
 * Imports that run on after their upload was answered.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { sharedPlaces } from "../../domain/operation/shared_places.ts";
import type { OnlyOf } from "../../domain/order/bringer.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { ImportPreview } from "../../domain/import/import_preview.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import { rejectsCsv, type RejectsForm } from "../../domain/import/rejects_csv.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import {
  addRejects,
  deleteRejects,
  type ImportRow,
  touchImport,
} from "../../db/imports/imports.ts";
import { holdRejects } from "../../streams/imports/held_rejects.ts";
import type {
  ImportedForm,
  ImportProgress,
  NamedSettings,
} from "../../streams/imports/import_options.ts";
import type { RejectsFile } from "../../streams/imports/rejects_file.ts";
import { audited } from "../audited.ts";
import { cancelImport, type CancelImportOptions } from "./cancel_import.ts";
import { beginImport, type FileImportDeps, importFile } from "./import_file.ts";
import { previewFile } from "./preview_import.ts";

/** Imports at once in one process: each takes three connections and some 100 MB. */
const maxRuns = 4;

/** Of these, imports at once of one token, so that none shuts the others out. */
const maxRunsOfToken = 2;

/** Most rows of a file, and most bytes once it is unpacked: a small archive may hold very much. */
const fileLimits = { rows: 20_000_000, unpackedBytes: 8 * 1024 ** 3 };

/** Milliseconds between two signs of life, and until a wish to cancel is heard. */
const touchEveryMs = 1_000;

/** What is to be imported. */
export interface ImportRequest {
  /** The file; gzip is recognised. */
  source: ReadableStream<Uint8Array>;
  /** As the caller called the file; only shown. */
  name: string;
  /** Check and compare only. */
  dryRun: boolean;
  /** What its columns mean, where the caller says so. */
  profile?: ImportProfile;
  /** The sheet of a workbook, by its name or its place from 1. */
  sheet?: string;
  /** Settings of whatever profile the file is read by. */
  settings?: NamedSettings;
  /** The plan that a preview of it ended with. */
  plan?: string;
  /** Take a file that needs a profile without a plan, by the profile that was named. */
  yes?: boolean;
  /** Leave bad rows out instead of rejecting their orders. */
  keepGoodRows: boolean;
  /** Let the file take items away from orders that are still `PENDING`. */
  replace?: boolean;
  /** Units of new products; undefined for the setting. */
  initialStock?: number;
  /** Who brings it, for timelines and the audit log. */
  operator: Operator;
  /** Limits them to changing orders that they have brought themselves; undefined for everybody's. */
  only: OnlyOf | undefined;
  /** False where they may not look at what others have brought: then nothing is told of it. */
  seesOthers?: boolean;
  /** Name of the token that brings it; null where nobody is asked. */
  token: string | null;
  /** Is called in the transaction that begins the import. */
  onBegin?: (tx: Queryable, importId: number) => Promise<void>;
}

/** A file that is to be previewed. */
export type PreviewRequest =
  & Pick<
    ImportRequest,
    | "source"
    | "name"
    | "profile"
    | "sheet"
    | "settings"
    | "keepGoodRows"
    | "replace"
    | "initialStock"
    | "operator"
    | "only"
    | "seesOthers"
    | "token"
  >
  & {
    /** Tell the columns of a file that is not known, instead of refusing it. */
    asksForColumns?: boolean;
    /** Is told how far it is. */
    onProgress?: (progress: ImportProgress) => void;
    /** Ends it, and frees its place: nobody waits for it. */
    signal?: AbortSignal;
  };

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
  /**
   * Previews a file, see {@linkcode previewFile}; it takes a place as an import does.
   *
   * @throws {WorkflowError} `unavailable` when too many imports run, or of this token; `invalid` for a file that is none
   * of orders
   * @throws what reading the file throws
   */
  preview(request: PreviewRequest): Promise<ImportPreview>;
  /** Ends an import between two batches, see {@linkcode cancelImport}: at once where it runs in this process. */
  cancel(importId: number, operator: Operator, options?: CancelImportOptions): Promise<ImportRow>;
}

/** What runs of imports work with. */
export interface ImportRunsDeps extends FileImportDeps {
  config:
    & Pick<Config, "apiTokens" | "initialStock" | "unknownSku" | "erasureSecret">
    & Partial<Pick<Config, "importWaitSeconds">>;
}

/** An import that runs in this process. */
interface Run {
  /** Undefined until the file was read and found to be a CSV of orders. */
  id: number | undefined;
  stop: AbortController;
  /** Its signs of life, once it has an id. */
  touching?: ReturnType<typeof setInterval>;
}

/**
 * Makes {@linkcode ImportRuns}.
 *
 * @param limits of a file; for tests
 */
export function importRuns(
  deps: ImportRunsDeps,
  limits: typeof fileLimits = fileLimits,
): ImportRuns {
  const { db, log } = deps;
  // Where there is but one token, nobody else could want the places.
  const names = new Set(deps.config.apiTokens.map(({ name }) => name));
  const share = names.size > 1 ? maxRunsOfToken : maxRuns;
  const places = sharedPlaces({ max: maxRuns, share });
  const running = new Set<Run>();
  deps.stopping?.addEventListener("abort", () => {
    const reason = new WorkflowError(
      "unavailable",
      "The process was stopped; import the file again to finish it",
    );
    for (const { stop } of running) stop.abort(reason);
  });

  /** Does work that takes a place, and ends with the process. */
  const inPlace = async <T>(token: string | null, work: (run: Run) => Promise<T>): Promise<T> => {
    const place = deps.stopping?.aborted ? "full" : places.take(token);
    if (typeof place === "string") throw noPlace(place, share, token);
    const run: Run = { id: undefined, stop: new AbortController() };
    running.add(run);
    try {
      return await work(run);
    } finally {
      running.delete(run);
      place();
    }
  };

  return {
    start(request) {
      const place = deps.stopping?.aborted ? "full" : places.take(request.token);
      if (typeof place === "string") {
        return Promise.reject(noPlace(place, share, request.token));
      }
      const run: Run = { id: undefined, stop: new AbortController() };
      running.add(run);
      return startRun(deps, request, run, { limits }, () => {
        running.delete(run);
        place();
      });
    },
    preview: (request) =>
      inPlace(request.token, ({ stop }) => previewRun(deps, request, { stop, limits })),
    async cancel(importId, operator, options = {}) {
      const subject = { kind: "import", id: String(importId) } as const;
      const about = { operator, action: "import.cancel", subject } as const;
      const row = await audited(deps, about, async (note) => ({
        result: await cancelImport(db, importId, operator.actor, {
          ...options,
          inTransaction: async (tx, row) => {
            await options.inTransaction?.(tx, row);
            await note(tx);
          },
        }),
        changed: true,
      }));
      log.info("import cancelled", { import: importId, actor: operator.actor });
      for (const { id, stop } of running) if (id === importId) stop.abort();
      return row;
    },
  };
}

function previewRun(
  deps: ImportRunsDeps,
  { source, operator: { actor }, token: _, onProgress, signal: gone, ...options }: PreviewRequest,
  { stop, limits }: { stop: AbortController; limits: typeof fileLimits },
): Promise<ImportPreview> {
  const signal = gone === undefined ? stop.signal : AbortSignal.any([stop.signal, gone]);
  return previewFile(deps, source, {
    ...options,
    actor,
    signal,
    onProgress: (progress) => {
      refuseTooLarge(progress, limits);
      onProgress?.(progress);
    },
  });
}

function noPlace(why: "full" | "share", share: number, token: string | null): WorkflowError {
  return new WorkflowError(
    "unavailable",
    why === "full"
      ? "Too many imports are running; try again later"
      : `${share} imports of the token ${token} are running, which may have no more ` +
        "at once; try again when one of them has ended",
  );
}

/**
 * Starts a run, which goes on after its id is known.
 *
 * @param onEnd is called whatever became of it
 */
function startRun(
  deps: ImportRunsDeps,
  request: ImportRequest,
  run: Run,
  { limits }: { limits: typeof fileLimits },
  onEnd: () => void,
): Promise<number> {
  const { log, background } = deps;
  const accepted = Promise.withResolvers<number>();
  const work = importFile(deps, request.source, {
    name: request.name,
    initialStock: request.initialStock,
    dryRun: request.dryRun,
    profile: request.profile,
    sheet: request.sheet,
    settings: request.settings,
    plan: request.plan,
    yes: request.yes,
    keepGoodRows: request.keepGoodRows,
    replace: request.replace,
    operator: request.operator,
    actor: request.operator.actor,
    only: request.only,
    seesOthers: request.seesOthers,
    signal: run.stop.signal,
    onProgress: (progress) => refuseTooLarge(progress, limits),
    begin: async (form) => {
      const id = await beginRun(deps, request, run, form);
      accepted.resolve(id);
      return id;
    },
    // A trial leaves nothing but its own row, which tells why rows would not be taken.
    openRejects: request.dryRun ? undefined : (form, db) => openStoredRejects(db, run.id!, form),
  });
  const ended = work.then(
    ({ orders, seconds }) => log.info("import finished", { import: run.id, orders, seconds }),
    (error) => {
      accepted.reject(error);
      if (run.id === undefined) return;
      log.warn("import ended early", { import: run.id, error: messageOf(error) });
    },
  ).finally(() => {
    clearInterval(run.touching);
    onEnd();
    background?.delete(ended);
  });
  background?.add(ended);
  return accepted.promise;
}

/** Writes the run's row, and from then on its signs of life, which hear the wish to cancel. */
async function beginRun(
  { db, log }: ImportRunsDeps,
  request: ImportRequest,
  run: Run,
  form: ImportedForm,
): Promise<number> {
  const id = await db.transaction(async (tx) => {
    const { name, dryRun, operator } = request;
    const { actor } = operator;
    const id = await beginImport(tx, operator, { name, dryRun, actor, ...form });
    await request.onBegin?.(tx, id);
    return id;
  }, { repeatable: false });
  run.id = id;
  const touch = async () => {
    if (await touchImport(db, id)) run.stop.abort();
  };
  run.touching = setInterval(
    () =>
      touch().catch((error) =>
        log.debug("no sign of life of an import", { import: id, error: messageOf(error) })
      ),
    touchEveryMs,
  );
  return id;
}

/** @throws {WorkflowError} `invalid` */
function refuseTooLarge(
  { rowsRead, unpackedBytes }: ImportProgress,
  limits: typeof fileLimits,
): void {
  const over = rowsRead > limits.rows
    ? `${limits.rows} rows`
    : unpackedBytes > limits.unpackedBytes
    ? `${limits.unpackedBytes} bytes once it is unpacked`
    : undefined;
  if (over !== undefined) {
    throw new WorkflowError("invalid", `The file must have at most ${over}`);
  }
}

/** A rejects file in the database, where every process finds it. */
async function openStoredRejects(
  db: Database,
  importId: number,
  form: RejectsForm,
): Promise<RejectsFile> {
  const text = rejectsCsv(form);
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
