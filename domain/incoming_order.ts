/**
 * An order as a shop hands it in, by file or over HTTP, and the limits on its fields.
 *
 * @module
 */

import type { OrderContent } from "./content_hash.ts";

/** A validated order that is not in the books yet, or is there with the same or another content. */
export interface IncomingOrder {
  /** The shop's own id, by which the order is recognised. */
  externalOrderId: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`. */
  placedAt: string;
  /** Three upper-case letters. */
  currency: string;
  /** Who buys, by the shop's own id. */
  customer: { externalId: string; email: string; name: string };
  /** At least one; the same product may stand in several. */
  items: IncomingItem[];
}

/** One line of an order. */
export interface IncomingItem {
  /** The shop's own id of the product. */
  sku: string;
  /** What the product is called. */
  name: string;
  /** Price of one unit. */
  unitPriceCents: number;
  /** Units, at least 1. */
  qty: number;
}

/** Limits on the fields of an order. Text is counted in characters (code points), as the database does. */
export const orderLimits = {
  idLength: 64,
  textLength: 255,
  unitPriceCents: 2_147_483_647,
  qty: 1_000_000,
  /** Beyond it a total could not be counted exactly. */
  totalCents: Number.MAX_SAFE_INTEGER,
} as const;

/** Sum of the items in cents. May be beyond what is exact: compare with {@linkcode orderLimits}. */
export function totalCentsOf(items: readonly IncomingItem[]): number {
  return items.reduce((sum, { unitPriceCents, qty }) => sum + unitPriceCents * qty, 0);
}

/** The part of an order that makes it the same order or another one. */
export function contentOf(order: IncomingOrder): OrderContent {
  return {
    customerExternalId: order.customer.externalId,
    currency: order.currency,
    placedAt: order.placedAt,
    items: order.items,
  };
}
