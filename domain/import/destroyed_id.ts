/**
 * Ids that a spreadsheet has destroyed.
 *
 * @module
 */

/**
 * Why an id is none any more, if a spreadsheet took it for a number and kept the first digits of it only, such as
 * `1.23457E+12`. Different ids look alike then, so that nothing can be made of them.
 */
export function destroyedIdProblem(text: string): string | undefined {
  // Most ids are done with by one search.
  if (!text.includes("E+") || !/^\s*-?\d(?:[.,]\d+)?E\+\d{2,3}\s*$/.test(text)) return undefined;
  return "was destroyed by a spreadsheet, which kept only its first digits; export the file again and open it with " +
    "the column as text, or do not open it with a spreadsheet";
}
