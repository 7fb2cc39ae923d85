/**
 * Ids that a spreadsheet has taken for numbers.
 *
 * @module
 */

/** What a spreadsheet shows of a number with more than eleven digits: the rest of them are gone. */
const scientific = /^\d(?:[.,]\d+)?E\+\d{2,3}$/i;

/**
 * Why a text can't be an id, where a spreadsheet has destroyed it: two orders may have the same one by now.
 *
 * @param text trimmed
 */
export function destroyedIdProblem(text: string): string | undefined {
  return text.includes("+") && scientific.test(text) ? `was ${destroyed}` : undefined;
}

/**
 * Whether a spreadsheet has taken the zeros in front of an id away.
 *
 * @param text trimmed
 * @param digits that the shop's ids have at least; undefined where they may have any number
 */
export function hasLostZeros(text: string, digits: number | undefined): boolean {
  return digits !== undefined && text.length < digits && /^\d+$/.test(text);
}

const destroyed =
  "destroyed by a spreadsheet, which took it for a number: export again with the column as text";

/** The same of several: follows upon `ids like 1.23457E+12`. */
export const destroyedIdsProblem =
  "were destroyed by a spreadsheet, which took them for numbers: export again with the column as text";
