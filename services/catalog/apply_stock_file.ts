/**
 * Applying a stock file: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  addStockFileRejects,
  insertStockFile,
  lockLatestStockFile,
  lockStockFile,
  readStockFileRejects,
  type StockFileCounts,
  type StockFileRow,
  updateStockFile,
} from "../../db/catalog/stock_files.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import type { RejectedRow } from "../../domain/import/order_csv.ts";
import { plural } from "../../domain/text/plural.ts";
import type { StockFile, StockLine } from "../../streams/imports/stock_file.ts";
import { audited } from "../audited.ts";
import { arrivedProducts, type ChangedUnits, changeUnits } from "./change_units.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";
import { publishStockArrived } from "./publish_stock_arrived.ts";

/** Rows to a transaction: an order that needs one of their products waits for it some hundredths of a second. */
const rowsPerTransaction = 1_000;

/** How a file is applied. */
export interface StockFileOptions {
  /** Of the file, for messages. */
  name: string;
  /** Who applies it, for the products' timelines and the audit log. */
  operator: Operator;
  /** Create products that are not there, where the row has their name and price. */
  create: boolean;
  /** Add the units of a file that was applied before. */
  again: boolean;
  /** Ends it between two transactions. */
  signal?: AbortSignal;
  /** Is told what came of the file, in the transaction that finishes it. */
  inTransaction?: (tx: Queryable, applied: AppliedStockFile) => Promise<void>;
}

/** How it is applied, with what the audit log is told. */
interface NotedOptions extends StockFileOptions {
  /** Is called in the first transaction of several: what it changes stays, whatever becomes of the others. */
  begunInTransaction: (tx: Queryable) => Promise<void>;
}

/** What came of a file, as the command prints it. */
export interface StockFileReport {
  /** All rows: the sum of the next three. */
  rows: number;
  rows_changed: number;
  rows_unchanged: number;
  rows_rejected: number;
  products_created: number;
  /** Units that came in, and units that were taken off. */
  units_received: number;
  units_corrected: number;
}

/** A file that was applied. */
export interface AppliedStockFile {
  report: StockFileReport;
  /** The rows that were not taken, by line, each with every reason. */
  rejected: RejectedRow[];
  /** Rows that an earlier run had applied before it was killed. */
  resumedAt: number;
}

/** True for a file that has something, of which nothing was taken. */
export function tookNoStock({ rows, rows_rejected }: StockFileReport): boolean {
  return rows > 0 && rows === rows_rejected;
}

/**
 * Applies a file, a thousand rows to a transaction.
 *
 * A kill at any moment leaves whole transactions. Units that are set are set again by the next run. Of units that are
 * added, the row of the file in the database tells which rows were, in the same transaction: the next run goes on
 * there, two runs at once share the rows, and a file that is finished is refused unless somebody says `again`.
 *
 * @throws {WorkflowError} `stock_file_applied` for a file that was applied before
 * @throws the reason of the signal, when it aborts
 */
export function applyStockFile(
  deps: ServiceDeps,
  file: StockFile,
  options: StockFileOptions,
): Promise<AppliedStockFile> {
  const { operator } = options;
  const apply = file.mode === "set" || file.rows.length === 0 ? setUnits : addUnits;
  const subject = { kind: "stock_file", id: file.digest.slice(0, 16) } as const;
  return audited(deps, { operator, action: "stock.file", subject }, async (note) => {
    let changed = false;
    const result = await apply(deps, file, {
      ...options,
      begunInTransaction: (tx) =>
        note(tx, `begun: ${file.rowCount} ${plural(file.rowCount, "row")}`),
      inTransaction: async (tx, applied) => {
        await options.inTransaction?.(tx, applied);
        const { rows, rows_changed, rows_rejected } = applied.report;
        await note(
          tx,
          `${rows} ${plural(rows, "row")}: ${rows_changed} changed, ${rows_rejected} rejected`,
        );
        changed = true;
      },
    });
    return { result, changed };
  });
}

/** Sets units, again where a run before has set them. */
async function setUnits(
  deps: ServiceDeps,
  file: StockFile,
  options: NotedOptions,
): Promise<AppliedStockFile> {
  let counts = noCounts();
  const rejected: RejectedRow[] = [];
  let from = 0;
  do {
    options.signal?.throwIfAborted();
    const rows = file.rows.slice(from, from + rowsPerTransaction);
    from += rowsPerTransaction;
    const done = await deps.db.transaction(async (tx) => {
      const part = await applyRows(tx, rows, file, options);
      const sum = addCounts(counts, part.counts);
      if (from === rowsPerTransaction && from < file.rows.length) {
        await options.begunInTransaction(tx);
      }
      if (from >= file.rows.length) {
        const all = [...rejected, ...part.rejected];
        await options.inTransaction?.(tx, appliedOf(file, sum, all, 0));
      }
      return { ...part, sum };
    });
    counts = done.sum;
    rejected.push(...done.rejected);
    await publishStockArrived(deps, done.arrived);
  } while (from < file.rows.length);
  return appliedOf(file, counts, rejected, 0);
}

/** Adds units, those of each row once. */
async function addUnits(
  deps: ServiceDeps,
  file: StockFile,
  options: NotedOptions,
): Promise<AppliedStockFile> {
  const begun = await deps.db.transaction((tx) => begin(tx, file, options));
  for (let isFirst = true;; isFirst = false) {
    options.signal?.throwIfAborted();
    // All that is told of a file is read before its last commit: no error may follow that.
    const { row, arrived, rejects } = await deps.db.transaction(async (tx) => {
      const before = await lockStockFile(tx, begun.id);
      const part = before.finishedAt === null
        ? await addPart(tx, before, file, options)
        : { row: before, arrived: [] };
      const isFinished = part.row.finishedAt !== null;
      if (isFirst && !isFinished) await options.begunInTransaction(tx);
      return { ...part, rejects: isFinished ? await readStockFileRejects(tx, begun.id) : [] };
    });
    await publishStockArrived(deps, arrived);
    if (row.finishedAt === null) continue;
    return appliedOf(file, row, rejectedLines(file, rejects), begun.rowsDone);
  }
}

/** Finds out where to go on with a file, or begins it. */
async function begin(
  tx: Queryable,
  { digest }: StockFile,
  { name, operator: { actor }, again }: StockFileOptions,
): Promise<StockFileRow> {
  const latest = await lockLatestStockFile(tx, digest);
  if (latest !== undefined && latest.finishedAt === null) return latest;
  if (latest !== undefined && !again && hasTaken(latest)) throw appliedBefore(name, latest);
  await insertStockFile(tx, { digest, round: (latest?.round ?? 0) + 1, name, actor });
  const begun = await lockLatestStockFile(tx, digest);
  // Somebody else may have begun and finished it at the same moment.
  if (begun!.finishedAt !== null && !again) throw appliedBefore(name, begun!);
  return begun!;
}

/** A file of which no row was taken adds nothing a second time: its products may be there by now. */
function hasTaken({ rowsChanged, rowsUnchanged }: StockFileRow): boolean {
  return rowsChanged + rowsUnchanged > 0;
}

/** Applies the next rows of a file that is locked. */
async function addPart(
  tx: Queryable,
  before: StockFileRow,
  file: StockFile,
  options: StockFileOptions,
): Promise<{ row: StockFileRow; arrived: number[] }> {
  const rows = file.rows.slice(before.rowsDone, before.rowsDone + rowsPerTransaction);
  const part = await applyRows(tx, rows, file, options);
  const counts = addCounts(before, part.counts);
  const rowsDone = before.rowsDone + rows.length;
  const isFinished = rowsDone >= file.rows.length;
  await addStockFileRejects(tx, before.id, part.rejected);
  await updateStockFile(tx, { id: before.id, rowsDone, isFinished, ...counts });
  const row = await lockStockFile(tx, before.id);
  if (isFinished && options.inTransaction !== undefined) {
    const rejects = rejectedLines(file, await readStockFileRejects(tx, row.id));
    await options.inTransaction(tx, appliedOf(file, row, rejects, before.rowsDone));
  }
  return { row, arrived: part.arrived };
}

/** What came of some rows. */
interface AppliedRows {
  counts: StockFileCounts;
  rejected: RejectedRow[];
  /** The products of which units arrived. */
  arrived: number[];
}

async function applyRows(
  tx: Queryable,
  rows: readonly StockLine[],
  { mode }: StockFile,
  { operator: { actor }, create }: StockFileOptions,
): Promise<AppliedRows> {
  const changes = rows.map(({ sku, qty, name, priceCents, detail }) => ({
    sku,
    change: mode === "set" ? { set: qty } : { add: qty },
    detail,
    create: create && name !== null && priceCents !== null ? { name, priceCents } : undefined,
  }));
  const results = await changeUnits(tx, changes, actor);
  const counts = noCounts();
  const rejected: RejectedRow[] = [];
  for (const [index, result] of results.entries()) {
    const reason = reasonOf(result, rows[index]!, create);
    if (reason !== undefined) {
      const { line, fields } = rows[index]!;
      rejected.push({ line, fields, reason });
    } else count(counts, result);
  }
  return { counts, rejected, arrived: arrivedProducts(results) };
}

/** Why a row was not taken, with the value and what would be right. */
function reasonOf(
  result: ChangedUnits,
  { sku, name, priceCents }: StockLine,
  create: boolean,
): string | undefined {
  switch (result.kind) {
    case "changed":
    case "unchanged":
      return undefined;
    case "refused":
      return `qty: ${result.reason} (${JSON.stringify(sku)})`;
    case "unknown": {
      const lacking = [name === null ? "name" : "", priceCents === null ? "price_cents" : ""]
        .filter((column) => column !== "");
      const hint = !create
        ? "correct it, or let the file create products with --create (create=true over HTTP)"
        : lacking.length > 0
        ? `to create it the row needs ${lacking.join(" and ")}`
        : "to create it the row needs units of 0 or more";
      return `sku: there is no such product: ${hint} (${JSON.stringify(sku)})`;
    }
  }
}

function count(counts: StockFileCounts, result: ChangedUnits): void {
  if (result.kind !== "changed" && result.kind !== "unchanged") return;
  const units = result.after.stockQty - result.before.stockQty;
  if (result.created) counts.productsCreated++;
  if (units === 0 && !result.created) counts.rowsUnchanged++;
  else counts.rowsChanged++;
  if (units > 0) counts.unitsReceived += units;
  else counts.unitsCorrected -= units;
}

function noCounts(): StockFileCounts {
  return {
    rowsChanged: 0,
    rowsUnchanged: 0,
    productsCreated: 0,
    unitsReceived: 0,
    unitsCorrected: 0,
  };
}

function addCounts(a: StockFileCounts, b: StockFileCounts): StockFileCounts {
  return {
    rowsChanged: a.rowsChanged + b.rowsChanged,
    rowsUnchanged: a.rowsUnchanged + b.rowsUnchanged,
    productsCreated: a.productsCreated + b.productsCreated,
    unitsReceived: a.unitsReceived + b.unitsReceived,
    unitsCorrected: a.unitsCorrected + b.unitsCorrected,
  };
}

/** The rejects that the database keeps, with the fields that the file has. */
function rejectedLines(
  { rows }: StockFile,
  rejects: readonly { line: number; reason: string }[],
): RejectedRow[] {
  if (rejects.length === 0) return [];
  const fieldsOf = new Map(rows.map(({ line, fields }) => [line, fields]));
  return rejects.map((reject) => ({ ...reject, fields: fieldsOf.get(reject.line) ?? [] }));
}

function appliedOf(
  file: StockFile,
  counts: StockFileCounts,
  rejectedByDatabase: readonly RejectedRow[],
  resumedAt: number,
): AppliedStockFile {
  const rejected = [...file.rejected, ...rejectedByDatabase].sort((a, b) => a.line - b.line);
  return {
    report: {
      rows: file.rowCount,
      rows_changed: counts.rowsChanged,
      rows_unchanged: counts.rowsUnchanged,
      rows_rejected: rejected.length,
      products_created: counts.productsCreated,
      units_received: counts.unitsReceived,
      units_corrected: counts.unitsCorrected,
    },
    rejected,
    resumedAt,
  };
}

function appliedBefore(name: string, { finishedAt, actor, round }: StockFileRow): WorkflowError {
  const times = round === 1 ? "" : `, ${round} times by now`;
  return new WorkflowError(
    "stock_file_applied",
    `Cannot add the units of ${name}: a file of the same content was applied on ` +
      `${
        finishedAt!.replace("T", " ").slice(0, 19)
      } UTC by ${actor}${times}; --again (again=true over HTTP) adds them once more`,
  );
}
