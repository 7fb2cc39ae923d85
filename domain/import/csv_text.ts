/**
 * Writes CSV: the rejects of imports, and the downloads.
 *
 * Own code, because rejects are written row by row, so that they come into their file by their lines: csv-stringify
 * takes 4.6 µs for a row by itself and 1.8 µs where it is given hundreds, this 0.3 µs (`tools/bench/order_csv_bench.ts`).
 *
 * @module
 */

/**
 * One record as a line with its line break; quoted where RFC 4180 or white space at the edges asks for it. null is
 * an empty field.
 */
export function csvLine(
  fields: readonly (string | number | null)[],
  lineBreak: "\n" | "\r\n" = "\n",
): string {
  return `${fields.map(csvField).join(",")}${lineBreak}`;
}

/** The same with another mark than a comma between the fields. */
export function delimitedLine(fields: readonly (string | number)[], delimiter: string): string {
  const written = fields.map((field) => {
    const text = String(field);
    return text.includes(delimiter) || /["\r\n]|^\s|\s$/.test(text) ? quoted(text) : text;
  });
  return `${written.join(delimiter)}\n`;
}

function csvField(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? quoted(text) : text;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
