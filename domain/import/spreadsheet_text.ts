/**
 * Text that spreadsheets leave alone.
 *
 * @module
 */

/**
 * Text for a field of a file that people open with a spreadsheet. What would be taken for a formula there,
 * because it begins with `=`, `+`, `-`, `@`, one of full width, a tab or a line end, gets an apostrophe in front: names
 * come from strangers, and a formula can send away what else is on the sheet. All other text stays as it is.
 */
export function spreadsheetText(text: string): string {
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
}

/**
 * What a spreadsheet would take for a formula, for a number that loses its zeros or its last digits, or for a day: a
 * SKU `00123` comes back as 123, `10E3` as 1.00E+04, and `MAR1` as 1-Mar.
 */
const changed =
  "[=+\\-@\\t\\r\\n＝＋－＠]|0\\d+$|\\d{12,}$|\\d+(?:[.,]\\d+)?e[+-]?\\d+$|\\d{1,2}[-/]\\d{1,2}$|" +
  "(?:\\d{1,4}[-/ ]?)?(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{0,6}[-/ ]?\\d{0,4}$";

const toDisarm = new RegExp(`^'*(?:${changed})`, "i");
const toRearm = new RegExp(`^'+(?:${changed})`, "i");

/**
 * Text for a file that is to come back and say what it said before, as {@linkcode rearmed} reads it: what a spreadsheet
 * would run or change gets an apostrophe in front. Text that already has an apostrophe in front of such a beginning
 * gets one more, so that none is ever taken off that was there. Times and amounts stay as they are, because people mend
 * them.
 */
export function disarmed(text: string): string {
  return toDisarm.test(text) ? `'${text}` : text;
}

/** What {@linkcode disarmed} was given; text that it never gives stays as it is. */
export function rearmed(text: string): string {
  return toRearm.test(text) ? text.slice(1) : text;
}
