/**
 * The ways in which the amounts of an order can be meant, and the one that comes to the total which its source names.
 *
 * @module
 */

import type { Adjustment } from "../../order/adjustment.ts";
import { type IncomingItem, orderLimits } from "../../order/incoming_order.ts";
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
  const ways = waysToRead(items, pricePer);
  const included = waysToInclude(adjustments);
  if (ways.length === 1 && included.length === 1) {
    return readBy(items, adjustments, ways[0]!, included[0]!);
  }
  if (named === undefined) {
    return {
      problem: "is missing, and without it the order's amounts can be read in several ways",
    };
  }
  // Of each way its total alone: the items of those that are not taken need not be made.
  let best = 0, nearest = Infinity, bestTotal = NaN;
  let isOneTotal = true;
  for (let at = 0, place = 0; at < ways.length; at++) {
    const way = ways[at]!;
    const itemsCents = isPossible(items, way) ? centsOf(items, way) : Infinity;
    for (let some = 0; some < included.length; some++, place++) {
      const total = itemsCents + centsBeside(adjustments, included[some]!);
      const off = Math.abs(total - named);
      if (off < nearest) {
        best = place;
        nearest = off;
        bestTotal = total;
        isOneTotal = true;
      } else if (off === nearest && total !== bestTotal) isOneTotal = false;
    }
  }
  if (!isOneTotal && nearest <= tolerance) {
    return { problem: "is as near to one way of reading the order's amounts as to another" };
  }
  const way = ways[Math.floor(best / included.length)]!;
  return readBy(items, adjustments, way, included[best % included.length]!);
}

type Way = "unit" | "line";

/** What the price of a row may be of; of a single unit it is the same. */
function waysToRead(items: readonly PricedItem[], pricePer: Way | "by_total"): readonly Way[] {
  if (pricePer !== "by_total") return [pricePer];
  for (let at = 0; at < items.length; at++) if (items[at]!.qty !== 1) return bothWays;
  return [bothWays[0]];
}

const bothWays = ["unit", "line"] as const;

/** Whether no unit costs more than one may. */
function isPossible(items: readonly PricedItem[], way: Way): boolean {
  for (let at = 0; at < items.length; at++) {
    const { cents, qty } = items[at]!;
    const most = way === "line" ? Math.ceil(cents / qty) : cents;
    if (most > orderLimits.unitPriceCents) return false;
  }
  return true;
}

/** What items come to. */
function centsOf(items: readonly PricedItem[], way: Way): number {
  let sum = 0;
  for (let at = 0; at < items.length; at++) {
    const { cents, qty } = items[at]!;
    sum += way === "line" ? cents : cents * qty;
  }
  return sum;
}

/** What adjustments come to that are not in the prices. */
function centsBeside(
  adjustments: readonly ReadAdjustment[],
  included: readonly boolean[],
): number {
  let sum = 0;
  for (let at = 0; at < adjustments.length; at++) {
    if (!included[at]) sum += adjustments[at]!.amountCents;
  }
  return sum;
}

/** An order as it is meant by one way to read its prices, and by what these contain. */
function readBy(
  items: readonly PricedItem[],
  adjustments: readonly ReadAdjustment[],
  way: Way,
  included: readonly boolean[],
): Reading {
  return {
    items: itemsOfAll(items, way === "line"),
    adjustments: adjustments.map(({ kind, label, amountCents }, at) => ({
      kind,
      label,
      amountCents,
      included: included[at]!,
    })),
  };
}

/** What prices may contain, mostly in one way alone. */
function waysToInclude(adjustments: readonly ReadAdjustment[]): readonly (readonly boolean[])[] {
  for (let at = 0; at < adjustments.length; at++) {
    if (adjustments[at]!.included.length < 2) continue;
    return combinations(adjustments.map(({ included }) => included));
  }
  return [adjustments.map(({ included }) => included[0]!)];
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
  // Nearly all lines can be divided. Of the size that it needs: an array that grows has room for seventeen, and those of all
  // orders of a batch live as long as it.
  const isDivided = !isLine || priced.every(({ cents, qty }) => cents % qty === 0);
  if (isDivided) {
    return priced.map(({ sku, name, cents, qty }) => ({
      sku,
      name,
      unitPriceCents: isLine ? cents / qty : cents,
      qty,
    }));
  }
  const items: IncomingItem[] = [];
  for (let at = 0; at < priced.length; at++) {
    const { sku, name, cents, qty } = priced[at]!;
    const least = Math.floor(cents / qty);
    const more = cents - least * qty;
    items.push({ sku, name, unitPriceCents: least, qty: qty - more });
    if (more > 0) items.push({ sku, name, unitPriceCents: least + 1, qty: more });
  }
  return items;
}
