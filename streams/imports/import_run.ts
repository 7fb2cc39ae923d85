/**
 * One run of an import: what it has counted, and its row in `imports` from the beginning to the end.
 *
 * @module
 */

import { type CatalogKeeper, catalogKeeper } from "../../db/catalog/catalog_keeper.ts";
import { finishImport, updateImport } from "../../db/imports/imports.ts";
import { type ImportCounts, noCounts } from "../../domain/import/import_counts.ts";
import { countLosses } from "../../db/recovery/database_marks.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { countReasons, type ReasonCounts } from "../../domain/import/reject_reasons.ts";
import { type ErasedRows, erasedRows } from "./erased_rows.ts";
import type { ImportDeps, ImportOptions, ImportProgress } from "./import_options.ts";
import type { OrderTotals } from "./order_totals.ts";
import type { PreviewWatch } from "./preview_watch.ts";
import { type ProgressRow, progressRow } from "./progress_row.ts";
import type { RejectsFile } from "./rejects_file.ts";
import type { WaitOut } from "./wait_out.ts";

/** A run that has begun. */
export interface ImportRun {
  deps: ImportDeps;
  options: ImportOptions;
  /** Its row in `imports`; undefined for none. */
  id: number | undefined;
  /** Who takes the orders, for their timelines. */
  actor: string;
  /** Where rows that were not taken go. */
  rejects: RejectsFile | undefined;
  progress: ImportProgress;
  counts: ImportCounts;
  reasons: ReasonCounts;
  catalogs: CatalogKeeper;
  /** The money of a dry run. */
  totals: OrderTotals | undefined;
  /** What a preview shows. */
  watch: PreviewWatch | undefined;
  /** Who was erased, for the rows that are not taken. */
  erased: ErasedRows;
  /** How it waits for engines that are away; its database waits by itself. */
  wait: WaitOut;
  /** How often the database was replaced by an older one before the run. */
  losses: number;
  /** Its row while it works; undefined for none. */
  row: ProgressRow | undefined;
}

/** Begins a run whose file was read and found to be a CSV of orders. */
export async function beginRun(
  deps: ImportDeps,
  options: ImportOptions,
  { progress, header, ...parts }:
    & Pick<ImportRun, "id" | "rejects" | "totals" | "watch" | "progress" | "wait">
    & { header: readonly string[] },
): Promise<ImportRun> {
  const { id } = parts;
  const name = id === undefined ? "import" : `import:${id}`;
  const counts = { ...noCounts(), rows: progress.rowsRead };
  return {
    ...parts,
    deps,
    options,
    actor: [options.actor, name].join(" ").trim(),
    progress,
    counts,
    reasons: countReasons(),
    erased: erasedRows(deps.db, header, options),
    catalogs: catalogKeeper(deps.db, options.limits?.catalogEntries),
    losses: options.dryRun ? 0 : await countLosses(deps.db),
    row: id === undefined ? undefined : progressRow(
      () => updateImport(deps.db, id, counts),
      (error) =>
        deps.log.debug("no progress of an import", { import: id, error: messageOf(error) }),
    ),
  };
}

/** Tells how far a run is, and its row within half a second. */
export function noteProgress({ options, row, progress }: ImportRun): void {
  options.onProgress?.(progress);
  row?.note();
}

/** Ends a run all of whose batches were written. */
export async function finishRun(run: ImportRun): Promise<void> {
  const { deps, options, id, rejects, reasons, totals } = run;
  if (!options.dryRun) {
    await run.catalogs.finish();
    if (await countLosses(deps.db) !== run.losses) throw lostOrders();
  }
  await rejects?.finish();
  if (id === undefined) return;
  const end = { status: "DONE", money: totals?.money(), reasons: reasons.list() } as const;
  await endRow(run, id, end);
}

/** Ends the row of a run, and says there how many orders it has changed. */
async function endRow(
  { deps: { db }, options: { onEdited }, counts, row }: ImportRun,
  id: number,
  end: Parameters<typeof finishImport>[3],
): Promise<void> {
  await row?.end();
  if (onEdited === undefined || counts.ordersUpdated === 0) {
    return await finishImport(db, id, counts, end);
  }
  await db.transaction(async (tx) => {
    await finishImport(tx, id, counts, end);
    await onEdited(tx, id, counts.ordersUpdated);
  });
}

/**
 * Ends a run that something was thrown in.
 *
 * @returns what it failed for
 */
export async function failRun(run: ImportRun, thrown: unknown): Promise<unknown> {
  const { deps: { db, log }, options, id, reasons, losses } = run;
  // Customers and products that this run knows may be gone: what they lead to says nothing to anybody.
  // A transaction is tried again by another connection where the first was cut with the rest.
  const now = options.dryRun ? losses : await db.transaction(countLosses).catch(() => losses);
  const error = now === losses ? thrown : lostOrders();
  if (id !== undefined) {
    const end = isCancelled(options, error)
      ? { status: "CANCELLED" as const }
      : { status: "FAILED" as const, error: messageOf(error) };
    await endRow(run, id, { ...end, reasons: reasons.list() }).catch((cause) =>
      log.warn("import not marked as failed", { import: id, error: messageOf(cause) })
    );
  }
  return error;
}

/** An abort that gives no reason of its own is somebody who wants no more of it. */
function isCancelled({ signal }: ImportOptions, error: unknown): boolean {
  return signal?.aborted === true && error === signal.reason && error instanceof DOMException;
}

function lostOrders(): WorkflowError {
  return new WorkflowError(
    "unavailable",
    "The database was replaced by an older one during the import, which lacks some of its orders: " +
      "import the file again",
  );
}
