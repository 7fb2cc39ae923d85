/**
 * The ways in which the amounts of an order can be meant, and the one that comes to the total which its source names.
 *
 * @module
 */

import type { Adjustment } from "../../order/adjustment.ts";
import { type IncomingItem, orderLimits, orderTotalOf } from "../../order/incoming_order.ts";
import type { ReadAdjustment } from "./order_amounts.ts";
import type { ImportProfile } from "./profile.ts";

/** An item with the amount that stands in its row: the price of a unit or of all. */
export interface PricedItem extends IncomingItem {
  /** In minor units. */
  cents: number;
}

/** One way to read an order. */
export interface Reading {
  /** With prices of one unit. */
  items: IncomingItem[];
  /** Those that are not of nothing. */
  adjustments: Adjustment[];
}

/** Ways that are tried. */
const maxReadings = 64;

/**
 * Reads an order in the one way that its profile says, or else in the one that comes to its total: what an order costs
 * is the same in all that do.
 *
 * @param named what the source says that all of it comes to
 * @returns the reading, or why there is none; one that does not come to the total where none does
 */
export function readingByTotal(
  items: readonly PricedItem[],
  adjustments: readonly ReadAdjustment[],
  named: number | undefined,
  { pricePer = "unit", tolerance = 0 }: NonNullable<ImportProfile["money"]> = {},
): Reading | { problem: string } {
  if (pricePer !== "by_total" && adjustments.every(({ included }) => included.length === 1)) {
    return {
      items: pricePer === "line"
        ? itemsOfAll(items, true)
        : items.map(({ sku, name, cents, qty }) => ({ sku, name, unitPriceCents: cents, qty })),
      adjustments: adjustments.map((one) => ({ ...one, included: one.included[0]! })),
    };
  }
  const isSingle = items.every(({ qty }) => qty === 1);
  const ways = pricePer !== "by_total" ? [pricePer] : isSingle ? ["unit"] : ["unit", "line"];
  const included = combinations(adjustments.map((one) => one.included));
  const readings = ways.flatMap((way) =>
    included.map((some): Reading => ({
      items: itemsOfAll(items, way === "line"),
      adjustments: adjustments.map((one, at) => ({ ...one, included: some[at]! })),
    }))
  );
  if (readings.length === 1) return readings[0]!;
  if (named === undefined) {
    return {
      problem: "is missing, and without it the order's amounts can be read in several ways",
    };
  }
  const off = readings.map((reading) => {
    const isPossible = reading.items.every(({ unitPriceCents }) =>
      unitPriceCents <= orderLimits.unitPriceCents
    );
    return isPossible ? Math.abs(orderTotalOf(reading) - named) : Infinity;
  });
  const nearest = Math.min(...off);
  if (nearest > tolerance) return readings[off.indexOf(nearest)] ?? readings[0]!;
  const fitting = readings.filter((_, at) => off[at] === nearest);
  const totals = new Set(fitting.map((reading) => orderTotalOf(reading)));
  return totals.size === 1
    ? fitting[0]!
    : { problem: "is as near to one way of reading the order's amounts as to another" };
}

/** All ways to choose one of each, the first ones first. */
function combinations(choices: readonly (readonly boolean[])[]): boolean[][] {
  let all: boolean[][] = [[]];
  for (const some of choices) {
    if (all.length * some.length > maxReadings) return all.map((one) => [...one, some[0]!]);
    all = all.flatMap((one) => some.map((choice) => [...one, choice]));
  }
  return all;
}

/** A line whose price can't be divided by its units has some of them at one minor unit more. */
function itemsOfAll(priced: readonly PricedItem[], isLine: boolean): IncomingItem[] {
  const items: IncomingItem[] = [];
  for (let at = 0; at < priced.length; at++) {
    const { sku, name, cents, qty } = priced[at]!;
    const least = isLine ? Math.floor(cents / qty) : cents;
    const more = isLine ? cents - least * qty : 0;
    items.push({ sku, name, unitPriceCents: least, qty: qty - more });
    if (more > 0) items.push({ sku, name, unitPriceCents: least + 1, qty: more });
  }
  return items;
}
