/**
 * Shares what was paid for an order out over its lines, so that all refunds of its parts add up to exactly that.
 *
 * Shipping, tips, fees, gift wrap and the rest that is charged beside the items go back only where a refund names
 * them. Whatever else is in the total (discounts, taxes that the prices don't contain, a difference of the payment that
 * was accepted) belongs to the lines, in proportion to their subtotals.
 *
 * @module
 */

import { type RecordedKind, recordedKinds } from "../order/adjustment.ts";

/** How each kind of adjustment goes back: where a refund names it, or with the lines. */
export const waysBack = {
  shipping: "named",
  tax: "with_lines",
  discount: "with_lines",
  tip: "named",
  fee: "named",
  gift_wrap: "named",
  other: "named",
  payment_difference: "with_lines",
} as const satisfies Record<RecordedKind, "named" | "with_lines">;

/** A kind of adjustment that a refund has to name. */
export type RefundableKind = {
  [Kind in RecordedKind]: (typeof waysBack)[Kind] extends "named" ? Kind : never;
}[RecordedKind];

/** Kinds of adjustments that a refund has to name. */
export const refundableKinds: readonly RefundableKind[] = recordedKinds.filter((kind) =>
  waysBack[kind] === "named"
) as RefundableKind[];

/** A line of an order, as far as its share needs it. */
export interface SharedItem {
  /** Database id. */
  id: number;
  /** The shop's own id of the product. */
  sku: string;
  /** Units that were bought, at least 1. */
  qty: number;
  /** What they cost before anything was shared out. */
  subtotalCents: number;
}

/** What was charged or taken off beside the items. */
export interface SharedAdjustment {
  /** One of the known kinds, or another that belongs to the lines. */
  kind: string;
  /** Signed. */
  amountCents: number;
  /** True for what adds nothing to the total. */
  included: boolean;
}

/** An order that was paid. */
export interface PaidOrder {
  /** What was paid. */
  totalCents: number;
  /** In the order of their ids; at least one. */
  items: readonly SharedItem[];
  /** In any order. */
  adjustments: readonly SharedAdjustment[];
}

/** What was paid for each part of an order; all of it together is the total, and nothing is below zero. */
export interface Shares {
  /** Cents by item id, every item. */
  items: Map<number, number>;
  /** Cents by kind, only those that can go back. */
  adjustments: Map<RefundableKind, number>;
}

/**
 * Shares a total out. Where the discounts are more than the items cost, they have eaten into what was charged besides:
 * the lines are worth nothing then, and the rest is reduced in proportion. Lines that cost nothing share by their units
 * where there is something to share.
 */
export function sharesOf({ totalCents, items, adjustments }: PaidOrder): Shares {
  const charged = refundableKinds.flatMap((kind) => {
    const cents = adjustments.reduce(
      (sum, one) => one.kind === kind && !one.included ? sum + one.amountCents : sum,
      0,
    );
    // What takes something off is shared like a discount, whatever it is called.
    return cents > 0 ? [{ kind, cents }] : [];
  });
  const besides = charged.reduce((sum, { cents }) => sum + cents, 0);
  const forItems = Math.max(0, totalCents - besides);
  const forBesides = apportion(totalCents - forItems, charged.map(({ cents }) => cents));
  const costs = items.some(({ subtotalCents }) => subtotalCents > 0);
  const forEach = apportion(forItems, items.map((item) => costs ? item.subtotalCents : item.qty));
  return {
    items: new Map(items.map(({ id }, index) => [id, forEach[index]!])),
    adjustments: new Map(charged.map(({ kind }, index) => [kind, forBesides[index]!])),
  };
}

/**
 * What the first units of a line are worth together, rounded half up: all of them are worth exactly its share, so
 * parts taken one after the other as differences add up to it.
 *
 * @param units 0…`qty`
 */
export function centsOfUnits(share: number, qty: number, units: number): number {
  return Number((2n * BigInt(share) * BigInt(units) + BigInt(qty)) / (2n * BigInt(qty)));
}

/**
 * Splits an amount in proportion to weights, so that the parts add up to exactly it: those with the largest remainders
 * get the cents that rounding down leaves over, the first ones where remainders are equal.
 *
 * @param cents not below zero
 * @param weights not below zero; where there are none, or all are 0, nothing is given out
 */
export function apportion(cents: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((sum, weight) => sum + BigInt(weight), 0n);
  if (sum === 0n) return weights.map(() => 0);
  const exact = weights.map((weight) => BigInt(cents) * BigInt(weight));
  const parts = exact.map((part) => Number(part / sum));
  const over = cents - parts.reduce((sum, part) => sum + part, 0);
  const byRemainder = exact.map((part, index) => ({ index, remainder: part % sum }))
    .sort((a, b) =>
      a.remainder === b.remainder ? a.index - b.index : a.remainder < b.remainder ? 1 : -1
    );
  for (const { index } of byRemainder.slice(0, over)) parts[index]!++;
  return parts;
}
