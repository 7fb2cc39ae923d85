/**
 * Whether the parts of an order come to a total that it can have, and that its source says it has.
 *
 * @module
 */

import { type Adjustment, adjustmentsCentsOf, adjustmentWord } from "./adjustment.ts";
import { type IncomingOrder, orderLimits, totalCentsOf } from "./incoming_order.ts";
import { groupedAmount, namedAmount } from "../money.ts";

/** Why an order can't have its total. */
export interface TotalProblem {
  /** What has to be corrected. */
  of: "items" | "adjustments" | "total" | "payment";
  /** Without the amounts: the same for all orders with this fault. */
  summary: string;
  /** The sum written out. */
  sum: string;
}

/** What of an order its total depends on. */
export type Summands = Pick<
  IncomingOrder,
  "items" | "adjustments" | "currency" | "totalCents" | "payment"
>;

/**
 * Why an order can't have its total; undefined where it can.
 *
 * @param source what says so, for the sum: "the file says 53.50"
 */
export function totalProblem(
  order: Summands,
  source: "file" | "request",
): TotalProblem | undefined {
  const { items, adjustments, currency } = order;
  const itemsCents = totalCentsOf(items);
  if (itemsCents > orderLimits.totalCents) {
    const sum = `its items come to ${namedAmount(exactSum(items), currency)}, ${bound(currency)}`;
    return { of: "items", summary: "the order's total is too large", sum };
  }
  if (adjustments === undefined) {
    const isPlain = order.totalCents === undefined && order.payment === undefined;
    return isPlain ? undefined : disagreement(order, itemsCents, source);
  }
  // Bounded in both directions first, so that the sum of all is exact as a number.
  const sizes = adjustments.reduce((sum, { amountCents }) => sum + Math.abs(amountCents), 0);
  const total = itemsCents + adjustmentsCentsOf(adjustments);
  if (sizes > orderLimits.totalCents || total > orderLimits.totalCents) {
    const sum = `${sumText(itemsCents, adjustments, currency)}, ${bound(currency)}`;
    return { of: "adjustments", summary: "the order's total is too large", sum };
  }
  if (total < 0) {
    const sum = sumText(itemsCents, adjustments, currency);
    return { of: "adjustments", summary: "the order's total is below zero", sum };
  }
  return unheldTax(order, itemsCents) ?? disagreement(order, total, source);
}

/**
 * Where prices are said to contain more tax than all that they come to: the ledger would have sales and taxes that never
 * were. What is taken off makes no difference, because an order that costs nothing may tell the tax of what it would cost.
 */
function unheldTax(
  { items, adjustments = [], currency }: Summands,
  itemsCents: number,
): TotalProblem | undefined {
  const taxCents = adjustments.reduce(
    (sum, { included, amountCents }) => included ? sum + amountCents : sum,
    0,
  );
  if (taxCents <= itemsCents) return undefined;
  const others = adjustments.filter(({ kind, amountCents, included }) =>
    !included && kind !== "tax" && amountCents > 0
  );
  if (taxCents <= itemsCents + adjustmentsCentsOf(others)) return undefined;
  const held = sumText(totalCentsOf(items), others, currency);
  const sum = `tax ${groupedAmount(taxCents, currency)} contained in ${held}`;
  return { of: "adjustments", summary: "the contained tax is larger than what contains it", sum };
}

/** Where the total is another one than the source says, or one that is not paid by nothing. */
function disagreement(
  { items, adjustments = [], currency, totalCents, payment }: Summands,
  total: number,
  source: "file" | "request",
): TotalProblem | undefined {
  const sum = () => sumText(totalCentsOf(items), adjustments, currency);
  if (totalCents !== undefined && totalCents !== total) {
    const said = `${sum()}, the ${source} says ${groupedAmount(totalCents, currency)}`;
    return { of: "total", summary: "the order's total is another one", sum: said };
  }
  if (payment?.status === "none" && total !== 0) {
    const summary = "the payment status none is for orders that cost nothing: write due or paid";
    return { of: "payment", summary, sum: sum() };
  }
}

/** `items 24.00 + shipping 4.90 − discount 5.40 = 23.50` */
function sumText(
  itemsCents: number,
  adjustments: readonly Adjustment[],
  currency: string,
): string {
  const added = adjustments.filter(({ included }) => !included);
  const parts = added.map(({ kind, amountCents }) => {
    const sign = amountCents < 0 ? "−" : "+";
    return ` ${sign} ${adjustmentWord(kind)} ${groupedAmount(Math.abs(amountCents), currency)}`;
  });
  const items = `items ${groupedAmount(itemsCents, currency)}`;
  if (parts.length === 0) return items;
  const total = added.reduce(
    (sum, { amountCents }) => sum + BigInt(amountCents),
    BigInt(itemsCents),
  );
  return `${items}${parts.join("")} = ${groupedAmount(total, currency).replace("-", "−")}`;
}

function bound(currency: string): string {
  return `and an order may be worth ${namedAmount(orderLimits.totalCents, currency)} at most`;
}

function exactSum(items: IncomingOrder["items"]): bigint {
  return items.reduce(
    (sum, { unitPriceCents, qty }) => sum + BigInt(unitPriceCents) * BigInt(qty),
    0n,
  );
}
