/**
 * An order as a shop hands it in, by file or over HTTP, and the limits on its fields.
 *
 * @module
 */

import { type Adjustment, adjustmentsCentsOf } from "./adjustment.ts";
import type { OrderContent } from "./content_hash.ts";
import type { IncomingCustomer } from "./guest.ts";
import type { PaymentInstructions } from "../payment/payment_instructions.ts";
import type { SourcePayment } from "./source_payment.ts";

/** What an order says besides its items. */
export interface OrderHead {
  /** The shop's own id, by which the order is recognised. */
  externalOrderId: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`. */
  placedAt: string;
  /** ISO 4217, upper case. */
  currency: string;
  /** Who buys, by the shop's own id or as a guest, and for whom the order is. */
  customer: IncomingCustomer;
}

/** What an order may say as a whole beside its items; what it does not say is absent. */
export interface OrderTerms {
  /** At least one, and none of them of nothing. */
  adjustments?: readonly Adjustment[];
  /** What the source says that all of it comes to. Only checked: the total is always summed up anew. */
  totalCents?: number;
  /** Never `due`, which is what absent means. */
  payment?: Exclude<SourcePayment, { status: "due" }>;
  /** What it is paid with, of one that is to be charged; never of nothing. */
  instructions?: PaymentInstructions;
  /** BCP 47, as it is written properly. */
  language?: string;
}

/** A validated order that is not in the database yet, or is there with the same or another content. */
export interface IncomingOrder extends OrderHead, OrderTerms {
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
  /** Amounts beside the items. */
  adjustments: 100,
} as const;

/** Sum of the items. May be beyond what is exact: to be taken only within {@linkcode orderLimits}. */
export function totalCentsOf(items: readonly IncomingItem[]): number {
  return items.reduce((sum, { unitPriceCents, qty }) => sum + unitPriceCents * qty, 0);
}

/** What the customer agreed to pay: the items, and the adjustments that they do not include. */
export function orderTotalOf(
  { items, adjustments }: Pick<IncomingOrder, "items" | "adjustments">,
): number {
  const sum = totalCentsOf(items);
  return adjustments === undefined ? sum : sum + adjustmentsCentsOf(adjustments);
}

/** The part of an order that makes it the same order or another one. */
export function contentOf(order: IncomingOrder): OrderContent {
  return {
    customerExternalId: order.customer.guest ? "" : order.customer.externalId,
    currency: order.currency,
    placedAt: order.placedAt,
    items: order.items,
    adjustments: order.adjustments,
    payment: order.payment,
    instructions: order.instructions,
  };
}
