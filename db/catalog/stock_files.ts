/**
 * Files that add units to products: how far each was applied.
 *
 * @module
 */

import { cutText } from "../../domain/text/cut_text.ts";
import { maxActorLength } from "./stock.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";

/** What came of the rows of a file so far. */
export interface StockFileCounts {
  /** Rows that changed units. */
  rowsChanged: number;
  /** Rows that left them as they were. */
  rowsUnchanged: number;
  productsCreated: number;
  /** Units that came in, and units that were taken off. */
  unitsReceived: number;
  unitsCorrected: number;
}

/** A file that is being applied, or was. */
export interface StockFileRow extends StockFileCounts {
  id: number;
  /** How often a file of this content was begun, this time among them. */
  round: number;
  actor: string;
  /** Rows that were gone through, by their order in the file. */
  rowsDone: number;
  /** ISO 8601; null while rows are left. */
  finishedAt: string | null;
}

const columns = `id, round, actor, rows_done, rows_changed, rows_unchanged, products_created,
      units_received, units_corrected, finished_at`;

/**
 * Locks the latest round of a file until the transaction ends; undefined where it was never begun.
 *
 * @param digest SHA-256 over what it says, in hexadecimal
 */
export async function lockLatestStockFile(
  tx: Queryable,
  digest: string,
): Promise<StockFileRow | undefined> {
  const [row] = await tx.execute(
    `
    select ${columns}
    from stock_files
    where digest = unhex(?)
    order by round desc
    limit 1
    for update`,
    [digest],
  );
  return row === undefined ? undefined : toStockFile(row);
}

/** Begins a round of a file; one that somebody else begins at the same moment is the same. */
export async function insertStockFile(
  tx: Queryable,
  { digest, round, name, actor }: { digest: string; round: number; name: string; actor: string },
): Promise<void> {
  await tx.run(
    `
    insert into stock_files (digest, round, name, actor)
    values (unhex(?), ?, ?, ?)
    on duplicate key update round = stock_files.round`,
    [digest, round, cutText(name, 255), cutText(actor, maxActorLength)],
  );
}

/** Locks a file until the transaction ends. */
export async function lockStockFile(tx: Queryable, id: number): Promise<StockFileRow> {
  const [row] = await tx.execute(`select ${columns} from stock_files where id = ? for update`, [
    id,
  ]);
  return toStockFile(row!);
}

/** Writes how far a locked file is, in the transaction of its units. */
export async function updateStockFile(
  tx: Queryable,
  { id, rowsDone, isFinished, ...counts }: StockFileCounts & {
    id: number;
    rowsDone: number;
    isFinished: boolean;
  },
): Promise<void> {
  await tx.run(
    `
    update stock_files
    set rows_done = ?, rows_changed = ?, rows_unchanged = ?, products_created = ?, units_received = ?,
      units_corrected = ?, finished_at = if(?, current_timestamp(6), null)
    where id = ?`,
    [
      rowsDone,
      counts.rowsChanged,
      counts.rowsUnchanged,
      counts.productsCreated,
      counts.unitsReceived,
      counts.unitsCorrected,
      isFinished ? 1 : 0,
      id,
    ],
  );
}

/** Notes rows of a locked file that were not taken. */
export async function addStockFileRejects(
  tx: Queryable,
  id: number,
  rejects: readonly { line: number; reason: string }[],
): Promise<void> {
  if (rejects.length === 0) return;
  await tx.run(
    `
    insert into stock_file_rejects (stock_file_id, line, reason)
    select ?, j.line, j.reason
    from json_table(?, '$[*]' columns (
      line bigint unsigned path '$[0]',
      reason varchar(255) character set utf8mb4 path '$[1]')) j`,
    [id, JSON.stringify(rejects.map(({ line, reason }) => [line, cutText(reason, 255)]))],
  );
}

/** The rows of a file that were not taken so far. */
export async function readStockFileRejects(
  db: Queryable,
  id: number,
): Promise<{ line: number; reason: string }[]> {
  const rows = await db.execute(
    "select line, reason from stock_file_rejects where stock_file_id = ? order by line",
    [id],
  );
  return rows.map(({ line, reason }) => ({ line: toInteger(line), reason: String(reason) }));
}

function toStockFile(row: Row): StockFileRow {
  return {
    id: toInteger(row.id),
    round: toInteger(row.round),
    actor: String(row.actor),
    rowsDone: toInteger(row.rows_done),
    rowsChanged: toInteger(row.rows_changed),
    rowsUnchanged: toInteger(row.rows_unchanged),
    productsCreated: toInteger(row.products_created),
    unitsReceived: toInteger(row.units_received),
    unitsCorrected: toInteger(row.units_corrected),
    finishedAt: toIsoTime(row.finished_at),
  };
}
