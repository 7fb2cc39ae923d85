/**
 * Orders with adjustments, payments at their source and guests, put straight into the tables.
 *
 * @module
 */

import type { RecordedKind } from "../domain/order/adjustment.ts";
import type { PaymentStatus } from "../domain/order/source_payment.ts";
import type { Queryable } from "../db/connection/database.ts";

/** What an order is to have besides its items. */
export interface OrderMoney {
  adjustments?: {
    kind: RecordedKind;
    label?: string | null;
    amountCents: number;
    included?: boolean;
  }[];
  paymentStatus?: PaymentStatus;
  /** Of a payment at the source. */
  source?: { provider: string; reference: string; paidAt: string | null };
  language?: string;
  /** Makes a guest of its customer. */
  guest?: boolean;
  /** Null takes it away. */
  recipientEmail?: string | null;
}

/** Gives an order what it is to have; its total and its payment rise by what is not included. */
export async function giveMoney(
  db: Queryable,
  orderId: number,
  { adjustments = [], source, ...money }: OrderMoney,
): Promise<void> {
  for (const { kind, label = null, amountCents, included = false } of adjustments) {
    await db.run(
      `
      insert into order_adjustments (order_id, kind, label, amount_cents, included)
      values (?, ?, ?, ?, ?)`,
      [orderId, kind, label, amountCents, Number(included)],
    );
    if (included) continue;
    await db.run("update orders set total_cents = total_cents + ? where id = ?", [
      amountCents,
      orderId,
    ]);
    await db.run("update payments set amount_cents = amount_cents + ? where order_id = ?", [
      amountCents,
      orderId,
    ]);
  }
  if (source !== undefined) {
    await db.run(
      "insert into source_payments (order_id, provider, reference, paid_at) values (?, ?, ?, ?)",
      [orderId, source.provider, source.reference, source.paidAt],
    );
  }
  await db.run(
    `
    update orders
    set payment_status = ?, language = ?
    where id = ?`,
    [
      money.paymentStatus ?? (source === undefined ? "due" : "paid"),
      money.language ?? null,
      orderId,
    ],
  );
  if (money.recipientEmail !== undefined) {
    await db.run("update orders set recipient_email = ? where id = ?", [
      money.recipientEmail,
      orderId,
    ]);
  }
  if (money.guest) {
    await db.run(
      `
      update customers
      straight_join orders on orders.customer_id = customers.id
      set customers.guest = 1
      where orders.id = ?`,
      [orderId],
    );
  }
}
