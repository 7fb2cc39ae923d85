/**
 * Decides how a product's units are changed by hand.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import { plural } from "../text/plural.ts";

/** How to change the units that can be reserved; what orders hold stays as it is. */
export type StockChange = { set: number } | { add: number };

/** More units than this of one product are taken for a mistake. */
export const maxUnits = 1_000_000_000_000;

/** A product's units, as far as a change needs them. */
export interface StockUnits {
  /** Units that can be reserved. */
  stockQty: number;
  /** Units that ever came in: these and those that orders hold. */
  receivedQty: number;
}

/** What becomes of a change, with the units as they are or would be after it. */
export type StockDecision =
  & { kind: "change" | "fewer_than_none" | "too_many" }
  & StockUnits;

/**
 * Decides what a change makes of a product's units: those that can be reserved and those that ever came in change by
 * the same number, so that what orders hold stays right.
 *
 * @param before as the locked row says
 */
export function decideStockChange(before: StockUnits, change: StockChange): StockDecision {
  const stockQty = "set" in change ? change.set : before.stockQty + change.add;
  const receivedQty = before.receivedQty + stockQty - before.stockQty;
  if (stockQty < 0) return { kind: "fewer_than_none", stockQty, receivedQty };
  if (receivedQty > maxUnits) return { kind: "too_many", stockQty, receivedQty };
  return { kind: "change", stockQty, receivedQty };
}

/**
 * What a change of units is called in a product's timeline: units that came in (`received`), units that were taken off
 * because a count says so (`corrected`), and units that came back by a refund (`returned`).
 */
export type MovementKind = "received" | "corrected" | "returned";

/**
 * What a change by hand is in the product's timeline: more units are `received`, fewer are `corrected`, whether they
 * were added or set.
 *
 * @returns the kind and by how many the units changed; undefined where they stay as they are
 */
export function movementOf(
  before: StockUnits,
  after: StockUnits,
): { kind: MovementKind; qty: number } | undefined {
  const qty = after.stockQty - before.stockQty;
  return qty === 0 ? undefined : { kind: qty > 0 ? "received" : "corrected", qty };
}

/** What the timeline says of the units that a product began with. */
export const firstStock = "first stock";

/**
 * Why a change can't be made, as a sentence without its subject.
 *
 * @param before as the locked row says
 */
export function stockProblem(
  { stockQty }: StockUnits,
  { kind, ...wanted }: StockDecision,
): string | undefined {
  if (kind === "change") return undefined;
  return kind === "fewer_than_none"
    ? `Cannot take ${stockQty - wanted.stockQty} ${
      plural(stockQty - wanted.stockQty, "unit")
    } of it: only ${stockQty} left`
    : `Cannot keep ${wanted.receivedQty} ${
      plural(wanted.receivedQty, "unit")
    } of it: there may be ${maxUnits} at most`;
}

/** The error for a product that there is not. */
export function unknownProduct(sku: string): WorkflowError {
  return new WorkflowError("not_found", `There is no product "${sku}"`);
}
