/**
 * Text that spreadsheets leave alone.
 *
 * @module
 */

/**
 * Text for a field of a file that people open with a spreadsheet. What would be taken for a formula there,
 * because it begins with `=`, `+`, `-`, `@`, a tab or a carriage return, gets an apostrophe in front: names
 * come from strangers, and a formula can send away what else is on the sheet. All other text stays as it is.
 */
export function spreadsheetText(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

/**
 * The same for a file that is to come back and say what it said before, as {@linkcode rearmed} reads it. Text
 * that already has an apostrophe in front of such a beginning gets one more, so that none is ever taken off
 * that was there.
 */
export function disarmed(text: string): string {
  return /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

/** What {@linkcode disarmed} was given; text that it never gives stays as it is. */
export function rearmed(text: string): string {
  return /^'+[=+\-@\t\r]/.test(text) ? text.slice(1) : text;
}
