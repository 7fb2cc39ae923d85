/**
 * Columns that look as though they said something about an order's money.
 *
 * @module
 */

import { plainName } from "./column_plan.ts";

/** What a column may be about. */
export type Suspicion = "status" | "total" | "tax" | "shipping" | "discount" | "refund";

/** How the words of such a column's name begin; the first that fits counts. */
const beginnings: readonly (readonly [Suspicion, readonly string[]])[] = [
  ["refund", ["refund", "chargeback", "erstattung"]],
  ["status", ["cancel", "void", "storn"]],
  ["status", ["status", "state"]],
  ["discount", ["discount", "rebate", "promotion", "voucher", "rabatt"]],
  ["tax", ["tax", "vat", "gst", "mwst", "ust"]],
  ["shipping", ["shipping", "postage", "freight", "versand"]],
  ["total", ["total", "sum", "summe", "gesamt"]],
];

/** Words of columns that only look like it: addresses, parcels, methods and codes. */
const harmless: ReadonlySet<string> = new Set([
  ...["address", "name", "street", "city", "zip", "postcode", "postal", "country", "province"],
  ...["region", "phone", "company", "method", "service", "code", "id", "ids", "number", "no"],
  ...["email", "fulfillment", "fulfilment", "tracking", "carrier", "date", "taxable", "class"],
  ...["label", "title", "note", "notes", "first", "last", "line", "reason", "delivery", "rate"],
]);

/** What makes a state a part of an address, or a status that of a parcel. */
const places: ReadonlySet<string> = new Set([
  ...["ship", "shipping", "shipment", "bill", "billing", "recipient", "buyer"],
]);

/** What a column looks like by its name; undefined for one that does not seem to matter. */
export function suspicionOf(name: string): Suspicion | undefined {
  const words = plainName(name).split(/[^\p{L}\p{N}]/u).filter((word) => word !== "");
  const isOf = (some: readonly string[]) =>
    words.some((word) => some.some((beginning) => word.startsWith(beginning)));
  const found = beginnings.find(([, some]) => isOf(some));
  if (found === undefined) return undefined;
  const [suspicion, some] = found;
  // The day of a cancellation matters, whatever else its name says.
  if (some.includes("cancel")) return suspicion;
  if (words.some((word) => harmless.has(word))) return undefined;
  return suspicion === "status" && words.some((word) => places.has(word)) ? undefined : suspicion;
}

/** Values that say that nothing had happened. */
const nothing: ReadonlySet<string> = new Set(["", "-", "no", "none", "false", "null", "n/a"]);

/** True for a value that says nothing had happened: nothing, none, or an amount of nothing. */
export function saysNothing(value: string): boolean {
  const text = value.trim().toLowerCase();
  return nothing.has(text) || (/^[^1-9]{1,12}$/.test(text) && text.includes("0"));
}
