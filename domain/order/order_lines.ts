/**
 * What an order's total is made of, for whoever is told of the order.
 *
 * @module
 */

import type { RecordedKind } from "./adjustment.ts";

/** One of an order's items. */
export interface OrderLine {
  /** Database id. */
  id: number;
  /** The shop's own id of the product. */
  sku: string;
  /** What the product is called now. */
  name: string;
  /** Price of one unit, in minor units. */
  unitPriceCents: number;
  /** Units. */
  qty: number;
  /** Price times units. */
  subtotalCents: number;
}

/** An amount of the order as a whole, as it is kept. */
export interface AdjustmentLine {
  /** Database id. */
  id: number;
  /** What it is for. */
  kind: RecordedKind;
  /** What the customer reads; null for the kind's own name. */
  label: string | null;
  /** Signed, in minor units: a discount is below zero. */
  amountCents: number;
  /** True for a tax that the prices contain already: it adds nothing to the total. */
  included: boolean;
}

/** What an order's total is made of, with its first items: an order may have ten thousand. */
export interface OrderLines {
  /** The first, at most {@linkcode maxLines}. */
  items: readonly OrderLine[];
  /** How many items the order has in all. */
  itemCount: number;
  /** Sum of all items, of those as well that are not in the list. */
  itemsCents: number;
  /** The first, at most {@linkcode maxLines}. */
  adjustments: readonly AdjustmentLine[];
  /** How many adjustments the order has in all. */
  adjustmentCount: number;
  /** What all adjustments add to the items; below zero where they take more off than they add. */
  adjustmentsCents: number;
}

/** Most items, and most adjustments, of an order in an e-mail or a webhook. */
export const maxLines = 20;
