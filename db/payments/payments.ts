/**
 * Statements on `payments`.
 *
 * @module
 */

import { noProvider } from "../../domain/order/order.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { refuseUnless } from "../connection/refuse_unless.ts";

/** What the gateway said of an order's money. */
export interface PaymentRow {
  orderId: number;
  provider: string;
  providerRef: string;
  amountCents: number;
  status: "SUCCEEDED" | "DECLINED";
}

/**
 * Records answers of orders that are settled by them. The unique key on the order is the once-key.
 *
 * @param now the database's clock, UTC
 * @returns how many were recorded: those are left out whose provider's name is that of an archived payment
 * @throws a duplicate key where it is that of another one
 */
export async function insertPayments(
  tx: Queryable,
  payments: readonly PaymentRow[],
  now: string,
): Promise<number> {
  if (payments.length === 0) return 0;
  const { affectedRows } = await tx.run(
    `
    insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
    select answer.order_id, answer.provider, answer.provider_ref, answer.amount_cents, answer.status,
      case answer.status when 'SUCCEEDED' then ? end
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      provider varchar(32) character set ascii collate ascii_bin path '$[1]',
      provider_ref varchar(128) character set utf8mb4 collate utf8mb4_bin path '$[2]',
      amount_cents bigint path '$[3]',
      status varchar(16) character set ascii path '$[4]')) answer
    where not exists (
      select 1
      from archived_payments force index (payments_provider_ref)
      where archived_payments.provider = answer.provider and archived_payments.provider_ref = answer.provider_ref)`,
    [
      now,
      JSON.stringify(
        payments.map(({ orderId, provider, providerRef, amountCents, status }) => [
          orderId,
          provider,
          providerRef,
          amountCents,
          status,
        ]),
      ),
    ],
  );
  return affectedRows;
}

/**
 * Holds what was written of paid orders to what it was to be, by the server itself: for a commit that goes with it, which cannot
 * wait for its answer.
 *
 * @param now of the settlement
 * @throws what `isRefused` knows unless each of the orders was paid then and has its payment: nothing is committed then
 */
export async function refuseUnlessPaid(
  tx: Queryable,
  orderIds: readonly number[],
  now: string,
): Promise<void> {
  await refuseUnless(
    tx,
    `(
      select count(*)
      from orders force index (primary)
      straight_join payments force index (payments_order_once) on payments.order_id = orders.id and payments.surplus = 0
      where orders.id in (?) and orders.status = 'PAID' and orders.settled_time = ?
        and payments.status = 'SUCCEEDED' and payments.paid_at = ?) = ?`,
    [[...orderIds], now, now, orderIds.length],
  );
}

/**
 * Records money that came for an order which was over by then, as something to give back. A decline that
 * was recorded before is overruled; money on its way back stays so.
 *
 * @param now the database's clock, UTC
 * @returns false where it had been recorded before
 */
export async function recordLatePayment(
  tx: Queryable,
  payment: TakenMoney,
  now: string,
): Promise<boolean> {
  const before = await tx.execute(
    "select status from payments where order_id = ? and surplus = 0 for update",
    [payment.orderId],
  );
  const values = [
    payment.provider,
    payment.providerRef,
    payment.amountCents,
    payment.currency,
    now,
    payment.orderId,
  ];
  if (before[0] === undefined) {
    await tx.run(
      `
      insert into payments
        (provider, provider_ref, amount_cents, currency, paid_at, order_id, status)
      values (?, ?, ?, ?, ?, ?, 'REVERSING')`,
      values,
    );
    return true;
  }
  const { affectedRows } = await tx.run(
    `
    update payments
    set status = 'REVERSING', provider = ?, provider_ref = ?, amount_cents = ?, currency = ?, paid_at = ?
    where order_id = ? and surplus = 0 and status = 'DECLINED'`,
    values,
  );
  return affectedRows === 1;
}

/** Money that the provider says it took. */
export interface TakenMoney {
  orderId: number;
  provider: string;
  providerRef: string;
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
}

/** A payment as it was recorded. */
export interface RecordedPayment {
  id: number;
  orderId: number;
  provider: string;
  providerRef: string;
  amountCents: number;
  /** Null where it is the order's. */
  currency: string | null;
  status: string;
  /** 0 for the one that the order is settled by; further money counts up. */
  surplus: number;
  /** When the money was taken as far as we know, UTC; null where it was not. */
  paidAt: string | null;
}

/** The payments that orders are settled by, by order id. */
export async function readPayments(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, RecordedPayment>> {
  if (orderIds.length === 0) return new Map();
  const rows = await readEverywhere(
    db,
    `select ${columns} from payments where order_id in (?) and surplus = 0`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), toPayment(row)]));
}

/** The orders of a list that have any payment. */
export async function readPaidOrders(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Set<number>> {
  if (orderIds.length === 0) return new Set();
  const rows = await readEverywhere(
    db,
    "select distinct order_id from payments where order_id in (?)",
    [[...orderIds]],
  );
  return new Set(rows.map(({ order_id }) => toInteger(order_id)));
}

/** All payments of an order, the one that settles it first; further ones by the time they came. */
export async function readPaymentsOf(db: Queryable, orderId: number): Promise<RecordedPayment[]> {
  const rows = await readEverywhere(
    db,
    `select ${columns} from payments where order_id = ?`,
    [orderId],
    "order by surplus",
  );
  return rows.map(toPayment);
}

/** The order whose payment has the provider's name; undefined where there is none. */
export async function readOwner(
  db: Queryable,
  { provider, providerRef }: Pick<TakenMoney, "provider" | "providerRef">,
): Promise<number | undefined> {
  const rows = await readEverywhere(
    db,
    "select order_id from payments where provider = ? and provider_ref = ?",
    [provider, providerRef],
  );
  return rows[0] === undefined ? undefined : toInteger(rows[0].order_id);
}

/** Payments of orders that are to be given back, except those that a person gives back. */
export async function readReversing(
  db: Queryable,
  orderIds: readonly number[],
): Promise<RecordedPayment[]> {
  if (orderIds.length === 0) return [];
  const rows = await db.query(
    `
    select ${columns}
    from payments
    where order_id in (?) and status = 'REVERSING'
      and not exists (select 1 from refunds_by_hand where refunds_by_hand.payment_id = payments.id)
    order by order_id, surplus`,
    [[...orderIds]],
  );
  return rows.map(toPayment);
}

/**
 * `REVERSING` → `REVERSED`.
 *
 * @returns false where it was so before
 */
export async function markReversed(tx: Queryable, paymentId: number): Promise<boolean> {
  const { affectedRows } = await tx.run(
    "update payments set status = 'REVERSED' where id = ? and status = 'REVERSING'",
    [paymentId],
  );
  return affectedRows === 1;
}

const columns =
  "id, order_id, provider, provider_ref, amount_cents, currency, status, surplus, paid_at";

/** The columns of {@linkcode RecordedPayment}. */
export function toPayment(row: Row): RecordedPayment {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    amountCents: toInteger(row.amount_cents),
    currency: row.currency === null ? null : String(row.currency),
    status: String(row.status),
    surplus: toInteger(row.surplus),
    paidAt: row.paid_at as string | null,
  };
}

/** More providers than anybody has. */
const maxProviders = 100;

/**
 * Gives payments their provider's name back, where a process of the version before has read the key in an answer as a
 * part of it. Costs a look-up by index.
 */
export async function repairProviders(db: Queryable): Promise<void> {
  const misread = await db.query(
    "select id from payments force index (payments_provider_ref) where provider like 'http/%' limit 1000",
  );
  if (misread.length === 0) return;
  const ids = JSON.stringify(misread.map(({ id }) => toInteger(id)));
  await db.run(
    `
    update ignore payments
    join json_table(?, '$[*]' columns (id bigint unsigned path '$')) misread on misread.id = payments.id
    set payments.provider = 'http'`,
    [ids],
  );
}

/**
 * The providers that took money, or were asked for some, by what the database holds. Goes from name to name by an index,
 * however many payments there are. What cost nothing was of none.
 */
export async function listProviders(db: Queryable): Promise<string[]> {
  const names = new Set<string>();
  const tables = [
    "payments force index (payments_provider_ref)",
    "archived_payments force index (payments_provider_ref)",
    "charge_keys",
  ];
  for (const table of tables) {
    for (let last = ""; names.size < maxProviders;) {
      const [row] = await db.query(
        `select provider from ${table} where provider > ? order by provider limit 1`,
        [last],
      );
      if (row === undefined) break;
      last = String(row.provider);
      if (last !== noProvider) names.add(last);
    }
  }
  return [...names].sort();
}
