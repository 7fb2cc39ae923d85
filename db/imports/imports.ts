/**
 * The runs of the importer: one row each, with counts while it runs and afterwards.
 *
 * @module
 */

import type { ImportStatus } from "../../domain/import/cancel_import.ts";
import type { ImportCounts } from "../../domain/import/import_counts.ts";
import type { ImportMoney } from "../../domain/import/import_money.ts";
import type { RejectReason } from "../../domain/import/reject_reasons.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";

/** Characters that the name of a source keeps. */
const sourceLength = 255;

/** Characters that the name of a profile keeps. */
const profileLength = 64;

/** Characters that an error keeps. */
const errorLength = 2_000;

/**
 * Begins a run. A crash leaves it `RUNNING` without a sign of life, until {@linkcode interruptImports} finds
 * it; running the import again is a row of its own.
 *
 * @param source name of the file
 * @param options.dryRun nothing but this row is to be written
 * @param options.actor who brings the file
 * @param options.profile name of the profile by which it is read; null for a file in the own form
 * @param options.plan what its preview ended with; null where it has none
 * @returns its id
 */
export async function createImport(
  db: Queryable,
  source: string,
  options: { dryRun?: boolean; actor?: string; profile?: string | null; plan?: string | null } = {},
): Promise<number> {
  const { insertId } = await db.run(
    `
    insert into imports (source, dry_run, actor, profile, plan)
    values (?, ?, ?, ?, ?)`,
    [
      cut(source, sourceLength),
      options.dryRun ? 1 : 0,
      options.actor ?? null,
      options.profile == null ? null : cut(options.profile, profileLength),
      options.plan ?? null,
    ],
  );
  return insertId;
}

/** Writes down how far a run has come that is not over; one that was taken for dead is `RUNNING` again. */
export async function updateImport(db: Queryable, id: number, counts: ImportCounts): Promise<void> {
  await writeImport(db, id, counts, "RUNNING", null, null);
}

/**
 * Ends a run.
 *
 * @param end.money of a trial run: what it would have taken
 * @param end.reasons why rows were not taken
 */
export async function finishImport(
  db: Queryable,
  id: number,
  counts: ImportCounts,
  end:
    & (
      | { status: "DONE"; money?: readonly ImportMoney[] }
      | { status: "CANCELLED" }
      | { status: "FAILED"; error: string }
    )
    & { reasons?: readonly RejectReason[] },
): Promise<void> {
  const error = end.status === "FAILED" ? cut(end.error, errorLength) : null;
  const money = end.status === "DONE" && end.money !== undefined ? JSON.stringify(end.money) : null;
  await writeImport(db, id, counts, end.status, error, money, end.reasons);
}

async function writeImport(
  db: Queryable,
  id: number,
  counts: ImportCounts,
  status: "RUNNING" | "DONE" | "FAILED" | "CANCELLED",
  error: string | null,
  money: string | null,
  reasons: readonly RejectReason[] = [],
): Promise<void> {
  await db.run(
    `
    update imports
    set row_count = ?, rows_rejected = ?, orders = ?, orders_new = ?, orders_updated = ?,
      orders_unchanged = ?, orders_rejected = ?, orders_conflict = ?, orders_skipped = ?,
      published = ?,
      status = ?, error = ?, money = ?, reasons = ?,
      finished_at = if(status = 'RUNNING', null, current_timestamp(6))
    where id = ? and (? <> 'RUNNING' or status in ('RUNNING', 'INTERRUPTED'))`,
    [
      counts.rows,
      counts.rowsRejected,
      counts.orders,
      counts.ordersNew,
      counts.ordersUpdated,
      counts.ordersUnchanged,
      counts.ordersRejected,
      counts.ordersConflict,
      counts.ordersSkipped,
      counts.published,
      status,
      error,
      money,
      reasons.length === 0 ? null : JSON.stringify(reasons),
      id,
      status,
    ],
  );
}

/** Seconds without a sign of life after which a run counts as dead: its process is gone. */
const importSilenceSeconds = 60;

/** A run as its row says; times are ISO 8601 in UTC. */
export interface ImportRow {
  /** Database id. */
  id: number;
  /** Name of the file. */
  source: string;
  /** Nothing was written but this row. */
  dryRun: boolean;
  /** Name of the profile by which it was read; null for a file in the own form. */
  profile: string | null;
  /** What its preview ended with; null where it has none. */
  plan: string | null;
  /** Who brought it; null for a command. */
  actor: string | null;
  /** `INTERRUPTED` where the process died; the file is to be imported again. */
  status: ImportStatus;
  /** Somebody wants it to end. */
  cancelRequested: boolean;
  /** Who; null where nobody does. */
  cancelledBy: string | null;
  /** Why it failed. */
  error: string | null;
  /** Why rows were not taken, the most frequent reasons first; empty until it ended. */
  reasons: RejectReason[];
  /** So far, or in the end. */
  counts: ImportCounts;
  /** Of a trial that is done: the money of the orders that would be taken or are known, by currency. */
  money: ImportMoney[] | null;
  /** When it began. */
  createdAt: string;
  /** The last sign of life. */
  updatedAt: string;
  /** When it ended. */
  finishedAt: string | null;
}

const importColumns = `
  id, source, dry_run, profile, plan, actor, cancel_requested, cancelled_by, error, reasons, row_count, rows_rejected, orders,
  orders_new, orders_updated, orders_unchanged, orders_rejected, orders_conflict, orders_skipped, published,
  created_at, updated_at, finished_at, cast(money as char) as money,
  if(status = 'RUNNING' and updated_at < current_timestamp(6) - interval ${importSilenceSeconds} second,
    'INTERRUPTED', status) as status`;

/** One run; undefined where there is none of this id. */
export async function readImport(db: Queryable, id: number): Promise<ImportRow | undefined> {
  const [row] = await db.execute(`select ${importColumns} from imports where id = ?`, [id]);
  return row === undefined ? undefined : toImportRow(row);
}

/**
 * Runs, the latest first.
 *
 * @param page.beforeId only those with lower ids
 * @param page.actor only those that this one has brought
 */
export async function listImports(
  db: Queryable,
  page: { beforeId: number | undefined; limit: number; actor?: string },
): Promise<ImportRow[]> {
  const beforeId = page.beforeId ?? Number.MAX_SAFE_INTEGER;
  const rows = page.actor === undefined
    ? await db.query(
      `select ${importColumns} from imports where id < ? order by id desc limit ?`,
      [beforeId, page.limit],
    )
    : await db.query(
      `select ${importColumns} from imports where actor = ? and id < ? order by id desc limit ?`,
      [page.actor, beforeId, page.limit],
    );
  return rows.map(toImportRow);
}

/** Runs whose processes work on them, the first ones. */
export async function readRunningImports(db: Queryable, limit: number): Promise<number[]> {
  const rows = await db.execute(
    `
    select id
    from imports
    where status = 'RUNNING'
      and updated_at >= current_timestamp(6) - interval ${importSilenceSeconds} second
    order by id
    limit ${limit}`,
  );
  return rows.map((row) => toInteger(row.id));
}

/** What all runs of a kind have done together. */
export interface ImportTotals {
  /** Runs of which nothing was written. */
  dryRun: boolean;
  /** Rows that were read, taken or not. */
  rows: number;
  rowsRejected: number;
  /** Runs that are not over. */
  running: number;
  /** Orders that those have done. */
  runningOrders: number;
}

/** Adds up all runs: those that count, then the trial runs. A run is one row: 100,000 take 40 ms. */
export async function sumImports(db: Queryable): Promise<ImportTotals[]> {
  const rows = await db.execute(`
    select dry_run, sum(row_count) as row_count, sum(rows_rejected) as rows_rejected,
      sum(is_running) as running, sum(if(is_running, orders, 0)) as running_orders
    from (
      select dry_run, row_count, rows_rejected, orders,
        status = 'RUNNING' and updated_at >= current_timestamp(6) - interval ${importSilenceSeconds} second
          as is_running
      from imports
    ) runs
    group by dry_run`);
  return [false, true].map((dryRun) => {
    const row = rows.find((row) => row.dry_run === (dryRun ? 1 : 0));
    return {
      dryRun,
      rows: toInteger(row?.row_count ?? 0),
      rowsRejected: toInteger(row?.rows_rejected ?? 0),
      running: toInteger(row?.running ?? 0),
      runningOrders: toInteger(row?.running_orders ?? 0),
    };
  });
}

/**
 * A sign of life of a run. One that was taken for dead while its process stood still is `RUNNING` again.
 *
 * @returns true where somebody wants it to end
 */
export async function touchImport(db: Queryable, id: number): Promise<boolean> {
  await db.run(
    `
    update imports
    set updated_at = current_timestamp(6), status = 'RUNNING', finished_at = null
    where id = ? and status in ('RUNNING', 'INTERRUPTED')`,
    [id],
  );
  return (await readImport(db, id))?.cancelRequested ?? false;
}

/**
 * Marks runs whose processes are gone as `INTERRUPTED`; they ended with their last sign of life.
 *
 * @returns how many
 */
export async function interruptImports(db: Queryable): Promise<number> {
  const silent = await db.execute(
    `
    select id
    from imports
    where status = 'RUNNING'
      and updated_at < current_timestamp(6) - interval ${importSilenceSeconds} second`,
  );
  if (silent.length === 0) return 0;
  const { affectedRows } = await db.runText(
    `
    update imports
    set status = 'INTERRUPTED', finished_at = updated_at, updated_at = updated_at
    where id in (?) and status = 'RUNNING'
      and updated_at < current_timestamp(6) - interval ${importSilenceSeconds} second`,
    [silent.map((row) => toInteger(row.id))],
  );
  return affectedRows;
}

/** Locks a run until the transaction ends, and reads it; undefined where there is none of this id. */
export async function lockImport(tx: Queryable, id: number): Promise<ImportRow | undefined> {
  await tx.execute("select id from imports where id = ? for update", [id]);
  return await readImport(tx, id);
}

/**
 * Writes down that somebody wants a run to end, which is not over; one whose process is gone ends by this.
 *
 * @param actor who wants it; the first one is kept
 */
export async function askForImportEnd(tx: Queryable, id: number, actor: string): Promise<void> {
  await tx.run(
    `
    update imports
    set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, ?),
      finished_at = if(
        updated_at < current_timestamp(6) - interval ${importSilenceSeconds} second,
        current_timestamp(6), finished_at),
      status = if(finished_at is null, status, 'CANCELLED')
    where id = ? and status in ('RUNNING', 'INTERRUPTED')`,
    [actor, id],
  );
}

/** Adds a piece to a run's rejects file. */
export async function addRejects(
  db: Queryable,
  importId: number,
  piece: number,
  csv: string,
): Promise<void> {
  await db.run(
    `
    insert into import_rejects (import_id, piece, csv) values (?, ?, ?)
    on duplicate key update csv = values(csv)`,
    [importId, piece, csv],
  );
}

/** A piece of a run's rejects file; undefined after the last. */
export async function readRejects(
  db: Queryable,
  importId: number,
  piece: number,
): Promise<string | undefined> {
  const [row] = await db.execute(
    "select csv from import_rejects where import_id = ? and piece = ?",
    [importId, piece],
  );
  return row === undefined ? undefined : String(row.csv);
}

/** Deletes a run's rejects file, which is not complete. */
export async function deleteRejects(db: Queryable, importId: number): Promise<void> {
  await db.run("delete from import_rejects where import_id = ?", [importId]);
}

function cut(text: string, characters: number): string {
  return [...text].slice(0, characters).join("");
}

function toImportRow(row: Row): ImportRow {
  return {
    id: toInteger(row.id),
    source: String(row.source),
    dryRun: row.dry_run === 1,
    profile: row.profile as string | null,
    plan: row.plan as string | null,
    actor: row.actor as string | null,
    status: row.status as ImportStatus,
    cancelRequested: row.cancel_requested === 1,
    cancelledBy: row.cancelled_by as string | null,
    error: row.error as string | null,
    reasons: row.reasons === null ? [] : JSON.parse(String(row.reasons)),
    counts: {
      rows: toInteger(row.row_count),
      rowsRejected: toInteger(row.rows_rejected),
      orders: toInteger(row.orders),
      ordersNew: toInteger(row.orders_new),
      ordersUpdated: toInteger(row.orders_updated),
      ordersUnchanged: toInteger(row.orders_unchanged),
      ordersRejected: toInteger(row.orders_rejected),
      ordersConflict: toInteger(row.orders_conflict),
      ordersSkipped: toInteger(row.orders_skipped),
      published: toInteger(row.published),
    },
    money: row.money === null ? null : JSON.parse(String(row.money)),
    createdAt: toIsoTime(row.created_at)!,
    updatedAt: toIsoTime(row.updated_at)!,
    finishedAt: toIsoTime(row.finished_at),
  };
}
