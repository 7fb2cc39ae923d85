/**
 * The preview of a file of orders: reads it like an import, compares it with the database, and writes nothing.
 *
 * @module
 */

import {
  type ImportPreview,
  maxExamples,
  type PreviewColumn,
  type PreviewCounts,
  type PreviewTotals,
} from "../../domain/import/import_preview.ts";
import type { TotalsAgreement } from "../../domain/import/totals_agreement.ts";
import { profileDocument } from "../../domain/import/profile/profile_document.ts";
import type { ImportDeps, ImportOptions } from "./import_options.ts";
import { beginRun, type ImportRun } from "./import_run.ts";
import { namedFault, type OrderFile } from "./order_file.ts";
import { openFile } from "./orders_import.ts";
import { orderTotals } from "./order_totals.ts";
import { noProgress } from "./import_progress.ts";
import { previewWatch, type WatchedOrders } from "./preview_watch.ts";
import { writeBatches } from "./write_batches.ts";

/** How a preview is made: as the import would be, of which nothing is written. */
export type PreviewOptions = Omit<
  ImportOptions,
  "dryRun" | "rejectsPath" | "openRejects" | "begin" | "plan" | "yes"
>;

/**
 * Previews a file.
 *
 * A file of which something is in question is told with the questions, and without what depends on their answers.
 * Memory does not grow with the file, as it doesn't in an import. A crash leaves nothing.
 *
 * @throws {WorkflowError} `invalid`, with all that is wrong, for a file that is none of orders
 * @throws the reason of the signal, when it aborts
 */
export async function previewOrders(
  deps: ImportDeps,
  source: ReadableStream<Uint8Array>,
  options: PreviewOptions,
): Promise<ImportPreview> {
  const progress = noProgress();
  const file = await openFile(source, progress, options, { wantsPlan: true });
  const totals = orderTotals();
  try {
    const said = { ...describeFile(file, options.name), bytes: progress.bytesRead };
    if (said.questions.length > 0) return { ...said, ...nothingDecided(progress.rowsRead) };
    progress.phase = "writing";
    const watch = previewWatch(deps.db, options);
    const run = await beginRun(deps, { ...options, dryRun: true }, {
      id: undefined,
      rejects: undefined,
      totals,
      watch,
      progress,
    });
    await writeBatches(run, file);
    return {
      ...said,
      counts: countsOf(run),
      ...await watch.result(),
      money: totals.money(),
      totals: totalsOf(file.form.agreement()),
      reasons: run.reasons.list().slice(0, maxExamples),
      plan: file.plan ?? null,
    };
  } catch (error) {
    throw namedFault(error, options.name);
  } finally {
    totals.close();
    file.close();
  }
}
