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
