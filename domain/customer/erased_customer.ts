/**
 * What stands in the place of a person whose data were erased.
 *
 * @module
 */

/** What the ids of erased customers begin with, and no shop's own may. */
export const erasedPrefix = "erased:";

/** Why a shop can't call a customer so. */
export const erasedIdProblem =
  `must not begin with ${erasedPrefix}, as the ids of those do whose data were erased`;

/** What stands where a name or another text that names the person stood. */
export const erasedText = "(erased)";

/** The id of an erased customer, by the database id of the row. */
export function erasedIdOf(customerId: number): string {
  return `${erasedPrefix}${customerId}`;
}

/** True for the id of an erased customer. */
export function isErasedId(externalId: string): boolean {
  return externalId.startsWith(erasedPrefix);
}

/** An erased person, as a file may bring their orders again. */
export interface ErasedCustomer {
  /** Database id of the row that stands for them. */
  id: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
  erasedAt: string;
}

/**
 * Whether an order was placed before its customer was erased. What was placed later is a purchase of somebody who came
 * back, and is theirs.
 *
 * @param placedAt UTC, `YYYY-MM-DD HH:MM:SS[.fff]`
 */
export function isBeforeErasure(placedAt: string, { erasedAt }: ErasedCustomer): boolean {
  return placedAt <= erasedAt;
}
