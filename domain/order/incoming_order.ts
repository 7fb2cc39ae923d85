/**
 * An order as a shop hands it in, by file or over HTTP, and the limits on its fields.
 *
 * @module
 */

import type { OrderContent } from "./content_hash.ts";
import { namedAmount } from "../money.ts";

/** What an order says besides its items. */
export interface OrderHead {
  /** The shop's own id, by which the order is recognised. */
  externalOrderId: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`. */
  placedAt: string;
  /** ISO 4217, upper case. */
  currency: string;
  /** Who buys, by the shop's own id. */
  customer: { externalId: string; email: string; name: string };
}

/** A validated order that is not in the database yet, or is there with the same or another content. */
export interface IncomingOrder extends OrderHead {
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
  /**
   * The dearest item in the largest quantity, so that no row is refused that is within its own limits: 21 million
   * million euros. One order is exact as a number whatever is done with it; sums of many are never kept in one.
   */
  totalCents: 2_147_483_647 * 1_000_000,
} as const;

/** Sum of the items. May be beyond what is exact: to be taken only within {@linkcode orderLimits}. */
export function totalCentsOf(items: readonly IncomingItem[]): number {
  return items.reduce((sum, { unitPriceCents, qty }) => sum + unitPriceCents * qty, 0);
}

/** Why the items can't be one order, with their sum written out; undefined where they can. */
export function totalProblem({ items, currency }: Pick<IncomingOrder, "items" | "currency">):
  | string
  | undefined {
  if (totalCentsOf(items) <= orderLimits.totalCents) return undefined;
  const sum = items.reduce(
    (sum, { unitPriceCents, qty }) => sum + BigInt(unitPriceCents) * BigInt(qty),
    0n,
  );
  const max = namedAmount(orderLimits.totalCents, currency);
  return `come to ${namedAmount(sum, currency)}, and an order may be worth ${max} at most`;
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
