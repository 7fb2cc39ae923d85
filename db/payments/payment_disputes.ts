/**
 * Statements on disputed payments: money that fits no order as it stands, until a person decides.
 *
 * @module
 */

import { maxCounted } from "../../domain/bounded_count.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type MoneySum, toMoneySum } from "./money_sums.ts";
import { type RecordedPayment, type TakenMoney, toPayment } from "./payments.ts";

/**
 * Payments of some orders that wait for a decision. The list is empty on nearly all days, and is looked at before
 * the orders are searched in it: this is asked for every batch of answers.
 */
export async function readDisputes(
  db: Queryable,
  orderIds: readonly number[],
): Promise<RecordedPayment[]> {
  if (orderIds.length === 0) return [];
  const any = await db.query("select payment_id from payment_disputes limit 1");
  if (any.length === 0) return [];
  const rows = await db.query(
    `
    select p.id, p.order_id, p.provider, p.provider_ref, p.amount_cents, p.currency, p.status, p.surplus,
      p.paid_at
    from payment_disputes d
    straight_join payments p on p.id = d.payment_id
    where d.order_id in (?) and p.status = 'DISPUTED'
    order by p.id`,
    [[...orderIds]],
  );
  return rows.map(toPayment);
}

/**
 * Records money of another amount or currency than was asked for, for a `RESERVED` order, which must be locked;
 * or what the provider says of disputed money later.
 *
 * @param now the database's clock, UTC
 */
export async function recordDispute(
  tx: Queryable,
  money: TakenMoney,
  now: string,
): Promise<void> {
  const { orderId, provider, providerRef, amountCents, currency } = money;
  const { affectedRows } = await tx.run(
    `
    update payments
    set amount_cents = ?, currency = ?
    where order_id = ? and surplus = 0 and status = 'DISPUTED'`,
    [amountCents, currency, orderId],
  );
  if (affectedRows > 0) return;
  await tx.run(
    `
    insert into payments (order_id, provider, provider_ref, amount_cents, currency, status, paid_at)
    values (?, ?, ?, ?, ?, 'DISPUTED', ?)`,
    [orderId, provider, providerRef, amountCents, currency, now],
  );
  await enlistDisputes(tx, orderId);
}

/**
 * Records money for an order, which must be locked, beside the payment that settles it, be it there or still to come.
 *
 * @param now the database's clock, UTC
 * @param as disputed for a person, or to be given back at once
 * @returns where it stands, and whether it is new
 */
export async function recordSecondPayment(
  tx: Queryable,
  money: TakenMoney,
  now: string,
  as: "DISPUTED" | "REVERSING" = "DISPUTED",
): Promise<{ status: string; isNew: boolean }> {
  const rows = await tx.execute(
    "select provider, provider_ref, status, surplus from payments where order_id = ? for update",
    [money.orderId],
  );
  const known = rows.find(({ provider, provider_ref }) =>
    provider === money.provider && provider_ref === money.providerRef
  );
  if (known !== undefined) {
    // The provider may correct itself about money that is still to go back.
    if (as === "REVERSING") await correctReversal(tx, money);
    return { status: String(known.status), isNew: false };
  }
  const surplus = Math.max(0, ...rows.map(({ surplus }) => toInteger(surplus))) + 1;
  await tx.run(
    `
    insert into payments
      (order_id, surplus, provider, provider_ref, amount_cents, currency, status, paid_at)
    values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      money.orderId,
      surplus,
      money.provider,
      money.providerRef,
      money.amountCents,
      money.currency,
      as,
      now,
    ],
  );
  if (as === "DISPUTED") await enlistDisputes(tx, money.orderId);
  return { status: as, isNew: true };
}

/** What is still to be given back of a payment is what its provider says of it last. */
async function correctReversal(tx: Queryable, money: TakenMoney): Promise<void> {
  await tx.run(
    `
    update payments
    set amount_cents = ?, currency = ?
    where provider = ? and provider_ref = ? and order_id = ? and surplus > 0 and status = 'REVERSING'
      and not exists (select 1 from refunds_by_hand where refunds_by_hand.payment_id = payments.id)`,
    [money.amountCents, money.currency, money.provider, money.providerRef, money.orderId],
  );
}

/** Puts disputed payments of an order on the list, those that stand there already excepted. */
async function enlistDisputes(tx: Queryable, orderId: number): Promise<void> {
  await tx.run(
    `
    insert into payment_disputes (payment_id, order_id)
    select found.id, found.order_id
    from (select id, order_id from payments where order_id = ? and status = 'DISPUTED') found
    on duplicate key update order_id = found.order_id`,
    [orderId],
  );
}

/** `DISMISSED` → `DISPUTED`, of a payment whose order must be locked: what it was dismissed for is so no more. */
export async function reopenDismissed(
  tx: Queryable,
  { id, orderId }: { id: number; orderId: number },
): Promise<void> {
  const { affectedRows } = await tx.run(
    "update payments set status = 'DISPUTED' where id = ? and status = 'DISMISSED'",
    [id],
  );
  if (affectedRows !== 1) throw new Error(`payment ${id} is not DISMISSED any more`);
  await enlistDisputes(tx, orderId);
}

/**
 * Ends the dispute of payments, whose order must be locked.
 *
 * @throws {Error} when one of them is not disputed any more
 */
export async function endDisputes(
  tx: Queryable,
  paymentIds: readonly number[],
  status: "SUCCEEDED" | "REVERSING" | "DISMISSED",
): Promise<void> {
  if (paymentIds.length === 0) return;
  const { affectedRows } = await tx.runText(
    "update payments set status = ? where id in (?) and status = 'DISPUTED'",
    [status, [...paymentIds]],
  );
  if (affectedRows !== paymentIds.length) {
    throw new Error(`${affectedRows} of ${paymentIds.length} payments were in dispute`);
  }
  await tx.runText("delete from payment_disputes where payment_id in (?)", [[...paymentIds]]);
}

/**
 * The provider says of the disputed money that an order waited for, that it took the total after all.
 *
 * @param totalCents of the order, which must be locked
 */
export async function settleDispute(
  tx: Queryable,
  orderId: number,
  totalCents: number,
): Promise<void> {
  const rows = await tx.execute(
    "select id from payments where order_id = ? and surplus = 0 and status = 'DISPUTED'",
    [orderId],
  );
  await endDisputes(tx, [toInteger(rows[0]!.id)], "SUCCEEDED");
  await tx.run(
    "update payments set amount_cents = ?, currency = null where order_id = ? and surplus = 0",
    [totalCents, orderId],
  );
}

/** Makes a `RESERVED` order, which must be locked, worth what was taken for it. */
export async function adjustTotal(
  tx: Queryable,
  { orderId, kind, label, amountCents }: {
    orderId: number;
    kind: "payment_difference";
    /** For people. */
    label: string;
    /** What the total rises by; may be negative. */
    amountCents: number;
  },
): Promise<void> {
  await tx.run(
    "insert into order_adjustments (order_id, kind, label, amount_cents) values (?, ?, ?, ?)",
    [orderId, kind, label, amountCents],
  );
  const { affectedRows } = await tx.run(
    "update orders set total_cents = total_cents + ? where id = ? and status = 'RESERVED'",
    [amountCents, orderId],
  );
  if (affectedRows !== 1) throw new Error(`order ${orderId} is not RESERVED any more`);
}

/** By how many cents the totals of orders were changed by payments that were accepted; by order id. */
export async function readAcceptedDifferences(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, number>> {
  if (orderIds.length === 0) return new Map();
  const any = await readEverywhere(db, "select id from order_adjustments limit 1", []);
  if (any.length === 0) return new Map();
  const rows = await readEverywhere(
    db,
    `
    select order_id, sum(amount_cents) as cents
    from order_adjustments force index (order_adjustments_order)
    where order_id in (?) and kind = 'payment_difference'
    group by order_id`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), toInteger(row.cents)]));
}

/** A payment that waits for a decision, with what it belongs to. */
export interface ListedDispute {
  orderId: number;
  externalOrderId: string;
  recipientName: string;
  provider: string;
  providerRef: string;
  amountCents: number;
  currency: string;
  /** What the order is worth, in its own currency. */
  totalCents: number;
  orderCurrency: string;
  /** True for money beside the payment that settled the order. */
  isSecond: boolean;
}

/** Payments that wait for a decision, the oldest first. */
export async function listDisputes(db: Queryable, limit: number): Promise<ListedDispute[]> {
  const rows = await db.query(
    `
    select orders.id, orders.external_order_id, orders.recipient_name, orders.total_cents,
      orders.currency as order_currency, p.provider, p.provider_ref, p.amount_cents, p.surplus,
      coalesce(p.currency, orders.currency) as currency
    from payment_disputes d force index (primary)
    straight_join payments p on p.id = d.payment_id
    straight_join orders on orders.id = d.order_id
    order by d.payment_id
    limit ?`,
    [limit],
  );
  return rows.map((row) => ({
    orderId: toInteger(row.id),
    externalOrderId: String(row.external_order_id),
    recipientName: String(row.recipient_name ?? ""),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    totalCents: toInteger(row.total_cents),
    orderCurrency: String(row.order_currency),
    isSecond: toInteger(row.surplus) > 0,
  }));
}

/** What the payments come to that wait for a decision, by currency, of the oldest {@linkcode maxCounted}. */
export async function sumDisputes(
  db: Queryable,
): Promise<MoneySum[]> {
  const rows = await db.query(
    `
    select coalesce(p.currency, orders.currency) as currency, sum(p.amount_cents) as cents, count(*) as n
    from (select payment_id, order_id from payment_disputes order by payment_id limit ?) d
    straight_join payments p on p.id = d.payment_id
    straight_join orders on orders.id = d.order_id
    group by 1
    order by 1`,
    [maxCounted],
  );
  return rows.map(toMoneySum);
}
