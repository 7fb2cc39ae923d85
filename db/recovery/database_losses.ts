/**
 * What the database has lost, and what became of it.
 *
 * @module
 */

import type { DatabaseLoss, RecordedLoss } from "../../domain/operation/database_age.ts";
import {
  type Database,
  type Queryable,
  type Row,
  toInteger,
  toIsoTime,
} from "../connection/database.ts";

/** The kinds of rows that are named one by one. */
export type LostKind = "order" | "refund" | "chargeback";

/**
 * Numbers of refunds, and of chargebacks, that are named of one loss: each only may have been in use. Of orders, which were
 * acknowledged, all are.
 */
export const namedPerLoss = 10_000;

/** Rows to a statement. */
const rowsPerInsert = 1_000;

/** A loss as it is found. */
export interface FoundLoss {
  /** The last tick that Redis knew of, with its name: the same loss, however often it is found. */
  heard: string;
  loss: DatabaseLoss;
  /** How many orders were acknowledged and are gone. */
  ordersLost: number;
  /** Their numbers, all of them. */
  orders: readonly number[];
  /** Numbers of refunds that may be gone, at most {@linkcode namedPerLoss}. */
  refunds: readonly number[];
  /** The same of chargebacks. */
  chargebacks: readonly number[];
}

/** Writes a loss down, unless it was before. */
export async function recordLoss(db: Database, found: FoundLoss): Promise<void> {
  const { heard, loss: { lostFrom, lostUntil, lost }, ordersLost } = found;
  await db.transaction(async (tx) => {
    const known = await tx.query("select id from books_losses where heard = ? for update", [heard]);
    if (known.length > 0) return;
    const { insertId } = await tx.run(
      `
      insert into books_losses
        (heard, lost_from, lost_until, orders_lost, numbers_lost, refunds_lost, steps_lost)
      values (?, ?, ?, ?, ?, ?, ?)`,
      [
        heard,
        lostFrom,
        lostUntil,
        ordersLost,
        Math.max(lost.orders, ordersLost),
        lost.refunds,
        lost.order_events,
      ],
    );
    await nameLost(tx, insertId, "order", found.orders);
    await nameLost(tx, insertId, "refund", found.refunds);
    await nameLost(tx, insertId, "chargeback", found.chargebacks);
  });
}

/**
 * Adds orders to the latest loss that is open, or begins one: they were acknowledged and are not there, although later
 * ones are.
 */
export async function addLostOrders(db: Database, orderIds: readonly number[]): Promise<void> {
  await db.transaction(async (tx) => {
    // Of two who find some at once, one begins a loss and the other adds to it.
    await tx.query("select id from books_marks where id = 1 for update");
    const [open] = await tx.query(
      "select id from books_losses where reconciled_at is null order by id desc limit 1 for update",
    );
    const lossId = open === undefined ? await beginLoss(tx) : toInteger(open.id);
    const known = await tx.query(
      "select number from books_lost_rows where loss_id = ? and kind = 'order' and number in (?)",
      [lossId, [...orderIds]],
    );
    const numbers = new Set(known.map(({ number }) => toInteger(number)));
    const added = [...new Set(orderIds)].filter((id) => !numbers.has(id));
    if (added.length === 0) return;
    await nameLost(tx, lossId, "order", added);
    await tx.run(
      `
      update books_losses
      set orders_lost = orders_lost + ?, numbers_lost = coalesce(numbers_lost, 0) + ?
      where id = ?`,
      [added.length, added.length, lossId],
    );
  });
}

async function beginLoss(tx: Queryable): Promise<number> {
  const { insertId } = await tx.run(`
    insert into books_losses (lost_from, lost_until, orders_lost, numbers_lost, refunds_lost, steps_lost)
    select ticked_at, current_timestamp(6), 0, 0, 0, 0 from books_marks where id = 1`);
  return insertId;
}

async function nameLost(
  tx: Queryable,
  lossId: number,
  kind: LostKind,
  numbers: readonly number[],
): Promise<void> {
  for (let from = 0; from < numbers.length; from += rowsPerInsert) {
    const part = numbers.slice(from, from + rowsPerInsert);
    await tx.runText(
      `insert into books_lost_rows (loss_id, kind, number) values ${
        part.map(() => "(?, ?, ?)").join(", ")
      }`,
      part.flatMap((number) => [lossId, kind, number]),
    );
  }
}

const columns = `id, created_at, lost_from, lost_until, orders_lost, numbers_lost, refunds_lost,
      (select count(*) from books_lost_rows where loss_id = books_losses.id and kind = 'chargeback') as chargebacks_lost,
      steps_lost, reconciled_at, reconciled_by, note`;

/** The losses that nobody has reconciled, the oldest first. */
export async function listOpenLosses(db: Queryable, limit: number): Promise<RecordedLoss[]> {
  const rows = await db.query(
    `
    select ${columns}
    from books_losses
    where reconciled_at is null
    order by id
    limit ?`,
    [limit],
  );
  return rows.map(toLoss);
}

/** The latest losses, the latest first, whatever became of them. */
export async function listLosses(db: Queryable, limit: number): Promise<RecordedLoss[]> {
  const rows = await db.query(
    `select ${columns} from books_losses order by id desc limit ?`,
    [limit],
  );
  return rows.map(toLoss);
}

/** One of them. */
export async function readLoss(db: Queryable, id: number): Promise<RecordedLoss | undefined> {
  const [row] = await db.query(`select ${columns} from books_losses where id = ?`, [id]);
  return row === undefined ? undefined : toLoss(row);
}

/** The numbers of a loss that are named, in their order. */
export async function listLost(
  db: Queryable,
  lossId: number,
  kind: LostKind,
  limit: number,
): Promise<number[]> {
  const rows = await db.query(
    `
    select number
    from books_lost_rows
    where loss_id = ? and kind = ?
    order by number
    limit ?`,
    [lossId, kind, limit],
  );
  return rows.map(({ number }) => toInteger(number));
}

/**
 * Says that a loss is reconciled.
 *
 * @returns false where somebody has said so before
 */
export async function endLoss(
  tx: Queryable,
  { id, by, note }: { id: number; by: string; note: string },
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update books_losses
    set reconciled_at = current_timestamp(6), reconciled_by = ?, note = ?
    where id = ? and reconciled_at is null`,
    [by, note, id],
  );
  return affectedRows === 1;
}

function toLoss(row: Row): RecordedLoss {
  const text = (value: Row[string] | undefined) =>
    value === null || value === undefined ? null : String(value);
  return {
    id: toInteger(row.id),
    foundAt: toIsoTime(row.created_at)!,
    lostFrom: toIsoTime(row.lost_from)!,
    lostUntil: toIsoTime(row.lost_until),
    ordersLost: toInteger(row.orders_lost),
    numbersLost: toInteger(row.numbers_lost ?? row.orders_lost),
    refundsLost: toInteger(row.refunds_lost),
    chargebacksLost: toInteger(row.chargebacks_lost),
    stepsLost: toInteger(row.steps_lost),
    reconciledAt: toIsoTime(row.reconciled_at),
    reconciledBy: text(row.reconciled_by),
    note: text(row.note),
  };
}

/**
 * Which of some orders may have had another life before the database turned out to be older within some hours: those
 * that were placed before that was found, with an hour for the shop's clock.
 */
export async function readPlacedBeforeLoss(
  db: Queryable,
  orderIds: readonly number[],
  hours: number,
): Promise<Set<number>> {
  if (orderIds.length === 0) return new Set();
  const [latest] = await db.query(
    "select max(created_at) as at from books_losses where created_at > current_timestamp(6) - interval ? hour",
    [hours],
  );
  if (latest === undefined || latest.at === null) return new Set();
  const rows = await db.query(
    "select id from orders where id in (?) and placed_at < ? + interval 1 hour",
    [[...orderIds], String(latest.at)],
  );
  return new Set(rows.map(({ id }) => toInteger(id)));
}
