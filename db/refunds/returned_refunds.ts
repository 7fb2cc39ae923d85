/**
 * Statements on refunds that their providers made and took back later.
 *
 * @module
 */

import { maxCounted } from "../../domain/bounded_count.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { type MoneySum, toMoneySum } from "../payments/money_sums.ts";
import { endRefunds } from "./refund_rows.ts";

/** Condition on `refunds`: what its provider took back. Its row stays, so that what it was for is known. */
export const wasReturned =
  "exists (select 1 from returned_refunds where returned_refunds.refund_id = refunds.id)";

/**
 * Condition on `refunds`: they have claimed what they are for. The goods of one that was taken back are back all the same,
 * so no other refund can be for them; its money is what is still owed.
 */
export const isClaimed = `(refunds.status <> 'FAILED' or ${wasReturned})`;

/** A refund that its provider took back. */
export interface ReturnedRefund {
  refundId: number;
  orderId: number;
  /** Whose word it is. */
  provider: string;
  amountCents: number;
  currency: string;
  /** When it was, as far as anybody says: UTC. */
  returnedAt: string;
}

/**
 * Writes that the provider took a `PROCESSED` refund back, whose order must be locked: the states come from the table of
 * transitions, and the primary key is the once-key. When it was made stays.
 *
 * @param reason for `refunds.failure_reason`
 * @throws {Error} where it is not `PROCESSED` any more: nothing may be committed then
 */
export async function returnRefund(
  tx: Queryable,
  { refundId, orderId, provider, amountCents, currency, returnedAt }: ReturnedRefund,
  reason: string,
): Promise<void> {
  // It has a time already, which stays.
  await endRefunds(tx, "return", [{ id: refundId, failureReason: reason }], returnedAt);
  await tx.run(
    `
    insert into returned_refunds (refund_id, order_id, provider, amount_cents, currency, returned_at)
    values (?, ?, ?, ?, ?, ?)`,
    [refundId, orderId, provider, amountCents, currency, returnedAt],
  );
}

/** One that was taken back, with what somebody decided about its money. */
export interface AnsweredReturn extends ReturnedRefund {
  /** Null while nobody has: the money is still owed. */
  answer: "paid_again" | "left" | null;
  /** The refund by which it was paid again. */
  againId: number | null;
}

/** Those of some refunds that their providers took back, by the refunds' ids. */
export async function readReturns(
  db: Queryable,
  refundIds: readonly number[],
): Promise<Map<number, AnsweredReturn>> {
  if (refundIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select refund_id, order_id, provider, amount_cents, currency, returned_at, answer, again_id
    from returned_refunds where refund_id in (?)`,
    [[...refundIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.refund_id), {
    refundId: toInteger(row.refund_id),
    orderId: toInteger(row.order_id),
    provider: String(row.provider),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    returnedAt: String(row.returned_at),
    answer: row.answer as AnsweredReturn["answer"],
    againId: row.again_id === null ? null : toInteger(row.again_id),
  }]));
}

/**
 * Writes what was decided about the money of one, whose order must be locked.
 *
 * @param againId the refund by which it is paid again; null where it is left
 * @returns false where somebody has decided before
 */
export async function answerReturn(
  tx: Queryable,
  refundId: number,
  againId: number | null,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    "update returned_refunds set answer = ?, again_id = ? where refund_id = ? and answer is null",
    [againId === null ? "left" : "paid_again", againId, refundId],
  );
  return affectedRows === 1;
}

/**
 * Has refunds that were processed just now, whose orders must be locked, answer for those of the same order that were taken back
 * before and are of no more: each for the first one.
 */
export async function answerByRefunds(
  tx: Queryable,
  refunds: readonly { id: number; orderId: number; amountCents: number }[],
): Promise<void> {
  if (refunds.length === 0) return;
  const orderIds = [...new Set(refunds.map(({ orderId }) => orderId))];
  const open = await tx.query(
    `
    select refund_id, order_id, amount_cents
    from returned_refunds force index (returned_refunds_order)
    where order_id in (?) and answer is null
    order by refund_id`,
    [orderIds],
  );
  const answered = new Set<number>();
  for (const { id, orderId, amountCents } of refunds) {
    const row = open.find((one) =>
      toInteger(one.order_id) === orderId && toInteger(one.refund_id) < id &&
      toInteger(one.amount_cents) <= amountCents && !answered.has(toInteger(one.refund_id))
    );
    if (row === undefined) continue;
    answered.add(toInteger(row.refund_id));
    await answerReturn(tx, toInteger(row.refund_id), id);
  }
}

/** What is still owed of those that were taken back, by currency; of so many as are counted. */
export async function sumReturns(
  db: Queryable,
): Promise<MoneySum[]> {
  const rows = await db.query(
    `
    select currency, count(*) as n, sum(amount_cents) as cents
    from (
      select currency, amount_cents
      from returned_refunds force index (returned_refunds_open)
      where answer is null
      order by refund_id
      limit ?) returned
    group by currency
    order by currency`,
    [maxCounted],
  );
  return rows.map(toMoneySum);
}
