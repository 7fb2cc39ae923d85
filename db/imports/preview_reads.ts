/**
 * What a preview of a file compares it with, beside the known orders themselves. Only reads.
 *
 * @module
 */

import { recipientEmail } from "../catalog/customers.ts";
import type { PaymentStatus } from "../../domain/order/source_payment.ts";
import { type Queryable, toInteger } from "../connection/database.ts";

/** Units that can be reserved, by SKU; without products that there are not. */
export async function readAvailable(
  db: Queryable,
  skus: readonly string[],
): Promise<Map<string, number>> {
  if (skus.length === 0) return new Map();
  const rows = await db.query("select sku, stock_qty from products where sku in (?)", [[...skus]]);
  return new Map(rows.map((row) => [String(row.sku), toInteger(row.stock_qty)]));
}

/** A customer's own address, and the order that said it. */
export interface KnownAddress {
  /** Empty where none is known. */
  email: string;
  /** See `describedBy`. */
  by: string;
}

/** Addresses of customers, by their external ids; without customers that there are not. */
export async function readAddresses(
  db: Queryable,
  externalIds: readonly string[],
): Promise<Map<string, KnownAddress>> {
  if (externalIds.length === 0) return new Map();
  const rows = await db.query(
    "select external_id, email, described_by from customers where external_id in (?)",
    [[...externalIds]],
  );
  return new Map(rows.map((row) => [
    String(row.external_id),
    { email: String(row.email), by: String(row.described_by) },
  ]));
}

/** An order as the database has it. */
export interface StoredOrder {
  currency: string;
  totalCents: number;
  /** Of all its items. */
  units: number;
  recipient: { name: string; email: string | null };
  payment: PaymentStatus;
}

/** Orders by their ids. */
export async function readStoredOrders(
  db: Queryable,
  ids: readonly number[],
): Promise<Map<number, StoredOrder>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query(
    `
    select orders.id, currency, total_cents, payment_status, coalesce(recipient_name, first_name) as name,
      ${recipientEmail} as email,
      (select coalesce(sum(qty), 0) from order_items where order_id = orders.id)
        + (select coalesce(sum(qty), 0) from archived_order_items where order_id = orders.id) as units
    from orders
    straight_join customers on customers.id = orders.customer_id
    where orders.id in (?)`,
    [[...ids]],
  );
  return new Map(rows.map((row) => [toInteger(row.id), {
    currency: String(row.currency),
    totalCents: toInteger(row.total_cents),
    units: toInteger(row.units),
    recipient: { name: String(row.name), email: row.email === null ? null : String(row.email) },
    payment: row.payment_status as PaymentStatus,
  }]));
}
