/**
 * By what a row of any file may name a customer.
 *
 * @module
 */

import { guestIdOf } from "../order/guest.ts";
import { isCustomerColumn } from "./personal_text.ts";

/** What a row has that may name a customer. */
export interface RowsNames {
  /** Texts of its columns of customers, which the shop's own ids are among. */
  ids: string[];
  /** Every address in it, in lower case, with the id of the guest who would be known by it. */
  addresses: { email: string; guestId: string }[];
}

/** Everything in a row by which somebody who was erased may be known again. */
export function namesIn(columns: readonly string[], fields: readonly string[]): RowsNames {
  const texts = fields.map((field) => field.trim());
  return {
    ids: texts.filter((text, at) => isCustomerColumn(columns[at]) && text !== ""),
    addresses: texts.filter((text) => text.includes("@")).map((text) => ({
      email: text.toLowerCase(),
      guestId: guestIdOf(text, ""),
    })),
  };
}

/**
 * Whether a row is of somebody who was erased. One that shares an address with them is not where it names, by the shop's
 * own id, a customer who is still there and has that address: nothing is in it that is not kept of that customer.
 *
 * @param known the addresses of customers who are there, by the shop's own ids
 */
export function isErasedRow(
  { ids, addresses }: RowsNames,
  erased: { has(id: string): boolean },
  known: ReadonlyMap<string, { email: string }>,
): boolean {
  return ids.some((id) => erased.has(id)) ||
    addresses.some(({ email, guestId }) =>
      erased.has(guestId) && !ids.some((id) => known.get(id)?.email.toLowerCase() === email)
    );
}
