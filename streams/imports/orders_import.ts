/**
 * The importer: a CSV file into the database and onto the `orders` stream.
 *
 * First the file is read to its end, so that one that is no CSV is refused before anything is written. Then
 * order after order goes into the database and, once committed, onto the stream.
 *
 * @module
 */

import { createImport } from "../../db/imports/imports.ts";
import { type CountsJson, countsJson } from "../../domain/import/import_counts.ts";
import type { ImportMoney } from "../../domain/import/import_money.ts";
import { inSpan, tracing } from "../telemetry/tracing.ts";
import {
  type ImportDeps,
  type ImportedForm,
  type ImportOptions,
  type ImportProgress,
  noProgress,
} from "./import_options.ts";
import { beginRun } from "./import_run.ts";
import { openNamedFile, requirePlan, requireTotals } from "./order_file.ts";
import { orderTotals } from "./order_totals.ts";
import { openRejectsFile } from "./rejects_file.ts";
import { type AwaitedEngine, type WaitOut, waitOut } from "./wait_out.ts";
import { writeBatches } from "./write_batches.ts";

export type { ImportDeps, ImportOptions, ImportProgress } from "./import_options.ts";

/** What came of an import, as the command prints it. */
export interface ImportReport extends Omit<CountsJson, "orders_skipped"> {
  /** Orders that went onto the stream and had not been there before. */
  published: number;
  /** Of a file that was read by a profile: orders that it says are over, such as cancelled ones. */
  orders_skipped?: number;
  seconds: number;
  /** Of a dry run only: the money of the orders that would be taken or are known, by currency. */
  money?: ImportMoney[];
}

/** True for a file that has something, of which nothing was or would be taken. */
export function tookNothing(report: ImportReport): boolean {
  const taken = report.orders_new + report.orders_updated + report.orders_unchanged;
  return taken === 0 && report.rows > 0;
}

/**
 * Imports a file.
 *
 * Memory does not grow with it: what is beyond 8 MB goes to a temporary file. A kill at
 * any moment leaves whole batches of orders, some of which may not be published yet, and a row in `imports`
 * that stays `RUNNING`; the same import again recognises the orders and publishes what is missing.
 *
 * @returns the counts
 * @throws {WorkflowError} `invalid`, with the line, for a file that is no CSV; then nothing was changed
 * @throws {WorkflowError} `bad_request` when the rejects file can't be written
 * @throws the reason of the signal, when it aborts
 */
export function importOrders(
  deps: ImportDeps,
  source: ReadableStream<Uint8Array>,
  options: ImportOptions,
): Promise<ImportReport> {
  if (!tracing) return runImport(deps, source, options);
  return inSpan("import", {}, async (span) => {
    const report = await runImport(deps, source, options);
    span.setAttributes({ "import.rows": report.rows, "import.orders": report.orders });
    return report;
  });
}

async function runImport(
  deps: ImportDeps,
  source: ReadableStream<Uint8Array>,
  options: ImportOptions,
): Promise<ImportReport> {
  const startedAt = performance.now();
  const progress = noProgress();
  const file = await openNamedFile(source, progress, options, {
    wantsPlan: options.plan !== undefined,
  });
  const totals = options.dryRun ? orderTotals() : undefined;
  try {
    requirePlan(file, options);
    await requireTotals(file, options);
    const { header, other } = file;
    const form = { header, delimiter: other?.table.form.delimiter };
    let rejects = options.rejectsPath === undefined
      ? undefined
      : await openRejectsFile(options.rejectsPath, form);
    progress.phase = "writing";
    try {
      options.signal?.throwIfAborted();
      const wait = waitIn(deps, options, progress);
      const waiting = { ...deps, db: wait.database };
      const id = await begin(waiting, options, {
        profile: other?.file.settings.name ?? null,
        plan: file.plan ?? null,
      });
      rejects ??= await options.openRejects?.(form, wait.database);
      const run = await beginRun(waiting, options, {
        wait,
        id,
        rejects,
        totals,
        watch: undefined,
        progress,
        header,
      });
      await writeBatches(run, file);
      const seconds = Math.round(performance.now() - startedAt) / 1000;
      const { orders_skipped, ...counts } = countsJson(run.counts);
      const skipped = other === undefined ? {} : { orders_skipped };
      const { published } = run.counts;
      const report = { ...counts, published, ...skipped, seconds };
      return totals === undefined ? report : { ...report, money: totals.money() };
    } finally {
      await rejects?.discard();
    }
  } finally {
    totals?.close();
    file.close();
  }
}

/** How the import waits for engines, shown in its progress. */
function waitIn(
  { db, log }: ImportDeps,
  { waitMs = 0, signal, onProgress }: ImportOptions,
  progress: ImportProgress,
): WaitOut {
  const onWait = (engine: AwaitedEngine | undefined) => {
    if (engine === undefined) delete progress.waitingFor;
    else progress.waitingFor = engine;
    onProgress?.(progress);
  };
  return waitOut({ db, log, maxMs: waitMs, signal, onWait });
}

/** @returns the id of the row in `imports` */
async function begin(
  { db }: ImportDeps,
  options: ImportOptions,
  form: ImportedForm,
): Promise<number | undefined> {
  if (options.begin !== undefined) return await options.begin(form, db);
  return options.dryRun ? undefined : await createImport(db, options.name, { ...form });
}
