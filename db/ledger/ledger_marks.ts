/**
 * How far the ledger is.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** How far the ledger is. */
export interface LedgerMarks {
  /** Orders up to this id have the rows of what happened before there was a ledger. */
  ordersUpTo: number;
  /** Whether all have. */
  isComplete: boolean;
  /** The last day that is closed, `YYYY-MM-DD`, UTC; null where none is. */
  closedDay: string | null;
  /** The last day whose rows are all sealed; null where none is. */
  sealedDay: string | null;
}

/**
 * Reads the marks. Whoever books on a day that is over, or closes one, locks them; where an order is locked as well, it is
 * locked behind them.
 */
export async function readLedgerMarks(
  db: Queryable,
  lock: "" | "for update" = "",
): Promise<LedgerMarks> {
  const [row] = await db.query(`select * from ledger_marks where id = 1 ${lock}`);
  return {
    ordersUpTo: toInteger(row?.orders_upto),
    isComplete: toInteger(row?.is_complete) === 1,
    closedDay: row?.closed_day == null ? null : String(row.closed_day),
    sealedDay: row?.sealed_day == null ? null : String(row.sealed_day),
  };
}

/** Moves some of the marks, which must be locked. */
export async function moveLedgerMarks(
  tx: Queryable,
  marks: LedgerMarks,
  moved: Partial<LedgerMarks>,
): Promise<void> {
  const { ordersUpTo, isComplete, closedDay, sealedDay } = { ...marks, ...moved };
  await tx.run(
    `
    update ledger_marks
    set orders_upto = ?, is_complete = ?, closed_day = ?, sealed_day = ?
    where id = 1`,
    [ordersUpTo, isComplete ? 1 : 0, closedDay, sealedDay],
  );
}

/** A page of ids of orders behind one. */
export async function listOrderIds(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<number[]> {
  const rows = await db.query(
    "select id from orders force index (primary) where id > ? order by id limit ?",
    [afterId, limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/** Which orders chargebacks are of that have changed since the last day was closed: their rows are in no closed day. */
export async function ordersOfChangedChargebacks(db: Queryable): Promise<number[]> {
  const { closedDay } = await readLedgerMarks(db);
  const since = closedDay === null
    ? ""
    : "and chargebacks.updated_at >= cast(? as datetime) + interval 1 day";
  const rows = await db.query(
    `
    select distinct order_id
    from chargebacks ${closedDay === null ? "" : "force index (chargebacks_updated)"}
    where order_id is not null ${since}
    order by order_id`,
    closedDay === null ? [] : [closedDay],
  );
  return rows.map((row) => toInteger(row.order_id));
}
