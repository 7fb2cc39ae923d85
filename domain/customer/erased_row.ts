/**
 * By what a row of any file may name a customer.
 *
 * @module
 */

import { guestIdOf } from "../order/guest.ts";
import { isCustomerColumn } from "./personal_text.ts";

/** Ids of customers, the shop's own and those of guests, as they are known to be erased by. */
export type RowsIds = string[];

/** Every id that a row may have: of its columns of customers, and of every address in it. */
export function erasedIn(columns: readonly string[], fields: readonly string[]): RowsIds {
  return fields.flatMap((field, at) => {
    const text = field.trim();
    const ids = isCustomerColumn(columns[at]) && text !== "" ? [text] : [];
    return text.includes("@") ? [...ids, guestIdOf(text, "")] : ids;
  });
}
