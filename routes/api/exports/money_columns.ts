/**
 * What an order's total is made of, as columns of a file. Those that an import file has as well mean the same there: a
 * discount is what is taken off, so it is above zero.
 *
 * @module
 */

import type { RecordedKind } from "../../../domain/order/adjustment.ts";
import type { AdjustmentSum } from "../../../db/orders/order_lines.ts";

/** Column of the adjustments of each kind that add to the total, and their sign in it. */
const columnsOfKinds: Readonly<Record<RecordedKind, [name: string, sign: 1 | -1]>> = {
  shipping: ["shipping_cents", 1],
  tax: ["tax_cents", 1],
  discount: ["discount_cents", -1],
  tip: ["tip_cents", 1],
  fee: ["fee_cents", 1],
  gift_wrap: ["gift_wrap_cents", 1],
  other: ["other_cents", 1],
  payment_difference: ["other_cents", 1],
};

/** Column of what the prices contain already, which adds nothing to the total. */
const includedColumn = "tax_included_cents";

/**
 * The columns of an order's money besides its total. `total_cents` is `items_cents`, and all others but the included
 * tax, less the discount.
 *
 * @param sums of the order's adjustments; none by default
 * @returns what is there, in minor units; a column without an adjustment is absent
 */
export function moneyColumns(
  totalCents: number,
  sums: readonly AdjustmentSum[] = [],
): Readonly<Record<string, number>> {
  const columns: Record<string, number> = { items_cents: totalCents };
  for (const { kind, included, amountCents } of sums) {
    const [name, sign] = included ? [includedColumn, 1] as const : columnsOfKinds[kind];
    columns[name] = (columns[name] ?? 0) + sign * amountCents;
    if (!included) columns.items_cents! -= amountCents;
  }
  return columns;
}
