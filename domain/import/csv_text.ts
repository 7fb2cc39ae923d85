/**
 * Writes CSV.
 *
 * @module
 */

/** One record as a line with its line feed; quoted where RFC 4180 or white space at the edges asks for it. */
export function csvLine(fields: readonly (string | number)[]): string {
  return `${fields.map(csvField).join(",")}\n`;
}

function csvField(value: string | number): string {
  const text = String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
