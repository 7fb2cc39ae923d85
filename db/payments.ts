/**
 * Statements on `payments`.
 *
 * @module
 */

import { type Queryable, toInteger } from "./database.ts";

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
 */
export async function insertPayments(
  tx: Queryable,
  payments: readonly PaymentRow[],
  now: string,
): Promise<void> {
  if (payments.length === 0) return;
  await tx.run(
    `
    insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
    select answer.order_id, answer.provider, answer.provider_ref, answer.amount_cents, answer.status,
      case answer.status when 'SUCCEEDED' then ? end
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      provider varchar(32) character set ascii path '$[1]',
      provider_ref varchar(128) character set utf8mb4 path '$[2]',
      amount_cents bigint path '$[3]',
      status varchar(16) character set ascii path '$[4]')) answer`,
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
  payment: Omit<PaymentRow, "status">,
  now: string,
): Promise<boolean> {
  const before = await tx.execute("select status from payments where order_id = ? for update", [
    payment.orderId,
  ]);
  if (before[0] === undefined) {
    await tx.run(
      `
      insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
      values (?, ?, ?, ?, 'REVERSING', ?)`,
      [payment.orderId, payment.provider, payment.providerRef, payment.amountCents, now],
    );
    return true;
  }
  const { affectedRows } = await tx.run(
    `
    update payments
    set status = 'REVERSING', provider = ?, provider_ref = ?, amount_cents = ?, paid_at = ?
    where order_id = ? and status = 'DECLINED'`,
    [payment.provider, payment.providerRef, payment.amountCents, now, payment.orderId],
  );
  return affectedRows === 1;
}

/** A payment that is to be given back, or was. */
export interface Reversal {
  provider: string;
  providerRef: string;
  amountCents: number;
  status: string;
  /** When the money was taken as far as we know, UTC; null where it was not. */
  paidAt: string | null;
}

/** Payments of orders, by order id. */
export async function readPayments(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, Reversal>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select order_id, provider, provider_ref, amount_cents, status, paid_at
    from payments
    where order_id in (?)`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), {
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    amountCents: toInteger(row.amount_cents),
    status: String(row.status),
    paidAt: row.paid_at as string | null,
  }]));
}

/**
 * `REVERSING` → `REVERSED`.
 *
 * @returns false where it was so before
 */
export async function markReversed(tx: Queryable, orderId: number): Promise<boolean> {
  const { affectedRows } = await tx.run(
    "update payments set status = 'REVERSED' where order_id = ? and status = 'REVERSING'",
    [orderId],
  );
  return affectedRows === 1;
}

/** More providers than anybody has. */
const mostProviders = 100;

/**
 * The providers that took money, or were asked for some, by what the books hold. Goes from name to name by an index,
 * however many payments there are.
 */
export async function listProviders(db: Queryable): Promise<string[]> {
  const names = new Set<string>();
  for (const table of ["payments force index (payments_provider_ref)", "charge_keys"]) {
    for (let last = ""; names.size < mostProviders;) {
      const [row] = await db.query(
        `select provider from ${table} where provider > ? order by provider limit 1`,
        [last],
      );
      if (row === undefined) break;
      names.add(last = String(row.provider));
    }
  }
  return [...names].sort();
}
