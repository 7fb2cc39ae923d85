/**
 * Orders as rows of a file, for what measures the product and what breaks it.
 *
 * @module
 */

import type { IncomingOrder } from "../../domain/order/incoming_order.ts";

/** Stock that nobody uses up: with it, only the gateway decides how an order ends. */
export const ampleStock = 100_000_000;

/** The fields of each row of an order, in the order of the importer's columns. */
export function rowsOf(order: IncomingOrder): string[][] {
  const { externalOrderId, placedAt, currency, customer } = order;
  return order.items.map(({ sku, name, unitPriceCents, qty }) => [
    externalOrderId,
    placedAt,
    currency,
    customer.externalId,
    customer.email ?? "",
    customer.name,
    sku,
    name,
    String(unitPriceCents),
    String(qty),
  ]);
}
