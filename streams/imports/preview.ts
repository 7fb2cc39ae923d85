/**
 * The preview of a file of orders: reads it like an import, compares it with the database, and writes nothing.
 *
 * @module
 */

import { isImportColumn } from "../../domain/import/csv_columns.ts";
import { countsJson, noCounts } from "../../domain/import/import_counts.ts";
import {
  type ImportPreview,
  maxExamples,
  type PreviewTotals,
} from "../../domain/import/import_preview.ts";
import { suspicionOf } from "../../domain/import/profile/suspicious_column.ts";
import { previewLimits } from "./import_batches.ts";
import { type ImportDeps, type ImportOptions, noProgress } from "./import_options.ts";
import { beginRun } from "./import_run.ts";
import { waitOut } from "./wait_out.ts";
import { openNamedFile, type OrderFile } from "./order_file.ts";
import { orderTotals } from "./order_totals.ts";
import { previewWatch, type WatchedOrders } from "./preview_watch.ts";
import type { TotalsAgreement } from "./profiled_file.ts";
import { type UnmappedColumns, UnmappedFile } from "./unmapped_file.ts";
import { writeBatches } from "./write_batches.ts";

/** How a preview is made: as the import would be. */
export type PreviewOptions =
  & Omit<
    ImportOptions,
    "dryRun" | "rejectsPath" | "openRejects" | "begin" | "plan" | "yes"
  >
  & {
    /** Tell the columns of a file that is not known, with the question what they are, instead of refusing it. */
    asksForColumns?: boolean;
  };

/**
 * Previews a file.
 *
 * One of which something is in question is told with the questions, and without what depends on their answers. Memory
 * does not grow with the file. A crash leaves nothing.
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
  const { asksForColumns } = options;
  let file: OrderFile;
  try {
    file = await openNamedFile(source, progress, options, { wantsPlan: true, asksForColumns });
  } catch (error) {
    if (!(error instanceof UnmappedFile)) throw error;
    return unmapped(error.found, options.name, progress.bytesRead);
  }
  const totals = orderTotals();
  try {
    const said = describeFile(file, options.name, progress.bytesRead);
    if (said.questions.length > 0) return { ...said, ...undecided(file.rows) };
    progress.phase = "writing";
    const watch = previewWatch(deps.db, options);
    const limits = { ...options.limits, batch: options.limits?.batch ?? previewLimits };
    const run = await beginRun(deps, { ...options, limits, dryRun: true }, {
      wait: waitOut({ ...deps, maxMs: 0 }),
      id: undefined,
      rejects: undefined,
      totals,
      watch,
      progress,
      header: file.header,
    });
    await writeBatches(run, file);
    const watched = await watch.result();
    const other = file.other?.file;
    return {
      ...said,
      ...(other === undefined ? { columns: ownColumns(file.header, watch.values()) } : {}),
      counts: countsJson(run.counts),
      ...watched,
      totals: other === undefined ? watched.totals : totalsOf(other.agreement()),
      unused_totals: (other?.contradictingTotals() ?? []).map((one) => ({
        column: one.name,
        ...totalsOf(one),
      })),
      money: totals.money(),
      reasons: run.reasons.list().slice(0, maxExamples),
      plan: file.plan ?? null,
    };
  } finally {
    totals.close();
    file.close();
  }
}

/** A file of whose columns a person has to say what they are. */
function unmapped(
  { form, notes, rows, columns, profile, questions }: UnmappedColumns,
  name: string,
  bytes: number,
): ImportPreview {
  return {
    file: { name, bytes, rows, form, notes: [...notes] },
    profile: profile === undefined ? null : { name: profile.name, why: null, settings: profile },
    questions: [...questions],
    columns: {
      used: [],
      unused: columns.map((column) => ({
        ...column,
        looks_like: column.samples.length === 0 ? null : suspicionOf(column.name) ?? null,
      })),
    },
    ...undecided(rows),
  };
}

type FileDescription = Pick<ImportPreview, "file" | "profile" | "questions" | "columns">;

/** What is known of a file before its orders are decided on. */
function describeFile(
  { other, header, rows }: OrderFile,
  name: string,
  bytes: number,
): FileDescription {
  if (other === undefined) {
    return {
      file: { name, bytes, rows, form: null, notes: [] },
      profile: null,
      questions: [],
      columns: ownColumns(header, []),
    };
  }
  const { table, file, why, questions } = other;
  const { settings, usedColumns, unusedColumns } = file;
  return {
    file: { name, bytes, rows, form: table.form, notes: [...table.notes, ...file.notes] },
    profile: { name: settings.name, why, settings },
    questions: [...questions],
    columns: {
      used: usedColumns,
      unused: unusedColumns.map(({ name, samples, suspicious }) => ({
        name,
        samples,
        looks_like: suspicious ?? null,
      })),
    },
  };
}

/** The columns of a file in the own form; `values` are some of each, by their places. */
function ownColumns(
  header: readonly string[],
  values: readonly string[][],
): ImportPreview["columns"] {
  const columns = header.map((name, place) => ({ name, samples: values[place] ?? [] }));
  const isOwn = ({ name }: { name: string }) => isImportColumn(name);
  return {
    used: columns.filter(isOwn).map((column) => ({
      ...column,
      fills: [column.name.trim().toLowerCase()],
    })),
    unused: columns.filter((column) => !isOwn(column)).map((column) => ({
      ...column,
      looks_like: suspicionOf(column.name) ?? null,
    })),
  };
}

/** What is told of a file that has questions, none of whose orders was decided on. */
function undecided(rows: number): Omit<ImportPreview, keyof FileDescription> {
  const counts = countsJson({ ...noCounts(), rows });
  const watched: WatchedOrders = {
    first_orders: [],
    largest_orders: [],
    payments: [],
    skipped: [],
    totals: { named: 0, agree: 0, largest_difference: null },
    changed: { orders: 0, examples: [] },
    conflicts: { orders: 0, of_other_customers: 0, examples: [] },
    addresses: { customers: 0, examples: [] },
    repeated: { rows: 0, orders: 0, examples: [] },
    shortages: { products: 0, complete: true, examples: [] },
  };
  return { counts, ...watched, unused_totals: [], money: [], reasons: [], plan: null };
}

function totalsOf({ named, agree, largest }: TotalsAgreement): PreviewTotals {
  return {
    named,
    agree,
    largest_difference: largest === undefined ? null : {
      external_order_id: largest.externalOrderId,
      currency: largest.currency,
      difference_cents: largest.differenceCents,
    },
  };
}
