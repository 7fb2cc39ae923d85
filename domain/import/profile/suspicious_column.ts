/**
 * Columns that look as though they said something about an order's money.
 *
 * @module
 */

import { plainName } from "./column_plan.ts";

/** What a column may be about. */
export type Suspicion = "status" | "total" | "tax" | "shipping" | "discount" | "refund";

/** What the words of a header say, the first that fits. */
const words: readonly (readonly [Suspicion, RegExp])[] = [
  ["refund", /refund|chargeback|returned|erstatt/],
  ["status", /\b(?:status|state)\b|cancel|\bvoid|storn/],
  ["discount", /discount|coupon amount|rebate|promotion|voucher|rabatt/],
  ["tax", /\b(?:tax|taxes|vat|gst|mwst|ust)\b/],
  ["shipping", /shipping|postage|freight|delivery (?:cost|fee|charge)|versand/],
  ["total", /\b(?:total|sum|amount due|summe|gesamt)/],
];

/** Words of columns that only look like it: addresses, parcels, methods, and codes. */
const harmless =
  /\b(?:address|name|street|city|zip|postcode|postal|country|province|region|phone|company|method|service|code|id|ids|number|no|email|fulfil\w*|tracking|carrier|date|taxable|class|label|title|notes?|first|last|line ?\d)\b|ship(?:ping|ment)? ?(?:status|state)|billing ?state|delivery ?status/;

/** What a column looks like by its name; undefined for one that does not seem to matter. */
export function suspicionOf(name: string): Suspicion | undefined {
  const plain = plainName(name).replaceAll(/[_-]+/g, " ");
  const found = words.find(([, form]) => form.test(plain))?.[0];
  if (found === undefined) return undefined;
  const isMoment = found === "status" && /cancel|void|storn/.test(plain);
  return !isMoment && harmless.test(plain) ? undefined : found;
}

/** True for a value that says nothing had happened: nothing, none, or an amount of nothing. */
export function saysNothing(value: string): boolean {
  return /^(?:|-|no|none|false|null|n\/a|[^\d]{0,4}0+(?:[.,]0+)?[^\d]{0,4})$/i.test(value.trim());
}
