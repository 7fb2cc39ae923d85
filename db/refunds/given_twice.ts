/**
 * Statements on money that went back twice.
 *
 * @module
 */

import { maxCounted } from "../../domain/bounded_count.ts";
import type { GivenTwiceEnd, KnownTwice } from "../../domain/refund/given_twice.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { type MoneySum, toMoneySum } from "../payments/money_sums.ts";

/** Money that went back twice, before it is written down: of a refund, or the payment of an order. */
export interface GivenTwice {
  orderId: number;
  /** Null where it is a payment. */
  refundId: number | null;
  /** Null where it is a refund. */
  paymentId: number | null;
  amountCents: number;
  currency: string;
  /** The chargeback by which it went back as well; null where it was by hand and by its provider. */
  chargebackId: number | null;
}

/** What went back of a payment by a chargeback and otherwise as well. */
export interface TwiceByChargeback extends KnownTwice {
  orderId: number;
  paymentId: number;
  currency: string;
  chargebackId: number;
}

/**
 * Writes down that money went back by hand and by its provider; its order must be locked.
 *
 * @param endedAs how it came out, where that is known at once
 * @returns false where it is written down already
 */
export async function insertGivenTwice(
  tx: Queryable,
  { orderId, refundId, paymentId, amountCents, currency }: GivenTwice & { chargebackId: null },
  endedAs: GivenTwiceEnd | null = null,
): Promise<boolean> {
  // No "insert ignore": that would pass over an order or a refund that there is not, too.
  const { affectedRows } = await tx.run(
    `
    insert into money_given_twice (order_id, refund_id, payment_id, amount_cents, currency, ended_as)
    select ?, ?, ?, ?, ?, ?
    from (select 1) one
    where not exists (
      select 1 from money_given_twice
      where ${refundId === null ? "payment_id" : "refund_id"} = ? and chargeback_id is null)`,
    [orderId, refundId, paymentId, amountCents, currency, endedAs, refundId ?? paymentId],
  );
  return affectedRows === 1;
}

/** What is on record of payments that went back by chargebacks and otherwise, by payment id; their orders must be locked. */
export async function readTwiceByChargeback(
  tx: Queryable,
  paymentIds: readonly number[],
): Promise<Map<number, KnownTwice>> {
  if (paymentIds.length === 0) return new Map();
  const rows = await tx.query(
    "select payment_id, amount_cents, ended_as from money_given_twice where payment_id in (?) and by_chargeback = 1",
    [[...paymentIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.payment_id), {
    amountCents: toInteger(row.amount_cents),
    endedAs: row.ended_as === null ? null : String(row.ended_as) as GivenTwiceEnd,
  }]));
}

/** Writes down what it is now, in the place of what it was; its order must be locked. */
export async function writeTwiceByChargeback(
  tx: Queryable,
  { orderId, paymentId, amountCents, currency, endedAs, chargebackId }: TwiceByChargeback,
): Promise<void> {
  await tx.run(
    `
    insert into money_given_twice (order_id, payment_id, amount_cents, currency, chargeback_id, ended_as)
    values (?, ?, ?, ?, ?, ?)
    on duplicate key update amount_cents = values(amount_cents), chargeback_id = values(chargeback_id),
      ended_as = values(ended_as)`,
    [orderId, paymentId, amountCents, currency, chargebackId, endedAs],
  );
}

/** Money that went back twice, with what it belongs to. */
export interface ListedGivenTwice extends GivenTwice {
  id: number;
  externalOrderId: string;
  recipientName: string;
  /** Who gave it back beside the person. */
  provider: string;
  /** The provider's own name for the payment. */
  providerRef: string;
  /** How it came out; null while nobody has said so. */
  endedAs: GivenTwiceEnd | null;
  /** When it was found, ISO 8601 UTC. */
  createdAt: string;
}

const columns = `
  twice.id, twice.order_id, twice.refund_id, twice.payment_id, twice.amount_cents, twice.currency,
  twice.chargeback_id, twice.ended_as, twice.created_at, orders.external_order_id, payments.provider,
  payments.provider_ref, coalesce(orders.recipient_name, customers.first_name) as recipient_name`;

const joins = `
  straight_join orders on orders.id = twice.order_id
  straight_join customers on customers.id = orders.customer_id
  straight_join payments on payments.order_id = twice.order_id and payments.surplus = 0`;

/** What nobody has decided about, the oldest first. */
export async function listGivenTwice(db: Queryable, limit: number): Promise<ListedGivenTwice[]> {
  const rows = await db.query(
    `
    select ${columns}
    from money_given_twice twice force index (money_given_twice_open)
    ${joins}
    where twice.ended_as is null
    order by twice.id
    limit ?`,
    [limit],
  );
  return rows.map(toListed);
}

/** One of them, decided about or not; undefined where there is none. */
export async function readGivenTwice(
  db: Queryable,
  id: number,
): Promise<ListedGivenTwice | undefined> {
  const [row] = await db.query(
    `
    select ${columns}
    from money_given_twice twice force index (primary)
    ${joins}
    where twice.id = ?`,
    [id],
  );
  return row === undefined ? undefined : toListed(row);
}

/**
 * Has a person look once more at what was given by hand and by its provider, of which one of both was said to have come back: the
 * provider says that it gave it after all. Its order must be locked.
 *
 * @returns false where it did not end so
 */
export async function reopenGivenTwice(
  tx: Queryable,
  { refundId, paymentId }: Pick<GivenTwice, "refundId" | "paymentId">,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update money_given_twice set ended_as = null
    where ${
      refundId === null ? "payment_id" : "refund_id"
    } = ? and chargeback_id is null and ended_as = 'returned'`,
    [refundId ?? paymentId],
  );
  return affectedRows > 0;
}

/**
 * Writes down how it came out; its order must be locked.
 *
 * @returns false where somebody has said so already
 */
export async function endGivenTwice(
  tx: Queryable,
  id: number,
  endedAs: GivenTwiceEnd,
): Promise<boolean> {
  const { affectedRows } = await tx.run(
    "update money_given_twice set ended_as = ? where id = ? and ended_as is null",
    [endedAs, id],
  );
  return affectedRows === 1;
}

/**
 * Writes down that one of both came back of what a person and its provider gave back, whose order must be locked: nobody is to get
 * it any more, and what was written off of it is not lost.
 *
 * @returns what it was before: open, or `written_off`; undefined where it was neither
 */
export async function endTwiceReturned(
  tx: Queryable,
  of: { refundId: number } | { paymentId: number },
): Promise<"open" | "written_off" | undefined> {
  const [column, id] = "refundId" in of ? ["refund_id", of.refundId] : ["payment_id", of.paymentId];
  const end = async (was: string) => {
    const { affectedRows } = await tx.run(
      `
      update money_given_twice set ended_as = 'returned'
      where ${column} = ? and chargeback_id is null and coalesce(ended_as, 'open') = ?`,
      [id, was],
    );
    return affectedRows > 0;
  };
  if (await end("open")) return "open";
  return await end("written_off") ? "written_off" : undefined;
}

/** What it comes to that nobody has decided about, by currency; of so many as are counted. */
export async function sumGivenTwice(
  db: Queryable,
): Promise<MoneySum[]> {
  const rows = await db.query(
    `
    select currency, count(*) as n, sum(amount_cents) as cents
    from (
      select currency, amount_cents
      from money_given_twice force index (money_given_twice_open)
      where ended_as is null
      order by id
      limit ?) twice
    group by currency
    order by currency`,
    [maxCounted],
  );
  return rows.map(toMoneySum);
}

function toListed(row: Row): ListedGivenTwice {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    paymentId: row.payment_id === null ? null : toInteger(row.payment_id),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    chargebackId: row.chargeback_id === null ? null : toInteger(row.chargeback_id),
    externalOrderId: String(row.external_order_id),
    recipientName: String(row.recipient_name),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    endedAs: row.ended_as === null ? null : String(row.ended_as) as GivenTwiceEnd,
    createdAt: toIsoTime(row.created_at)!,
  };
}
