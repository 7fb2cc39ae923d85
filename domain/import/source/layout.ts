/**
 * Where the table of a text file begins, and what stands between its fields.
 *
 * @module
 */

import { type Delimiter, delimiters } from "../source_row.ts";

/** Lines that are looked at: titles above a header are few. */
const maxTitleLines = 30;
const lookedAtLines = 100;

/** See {@linkcode findLayout}. */
export interface Layout {
  /** What stands between fields. */
  delimiter: Delimiter;
  /** From 1. */
  headerLine: number;
  /** The first line is a `sep=` line, which tells spreadsheets the delimiter. */
  hasSeparatorLine: boolean;
}

/**
 * Finds the delimiter, the one that splits most lines into the same number of fields, and the header: the first line
 * with about as many names as the others have fields, none of which is a number.
 *
 * @param lines of the file's beginning, without their line breaks
 * @param known what need not be found out
 * @returns undefined for text that is no table
 */
export function findLayout(
  lines: readonly string[],
  known: { delimiter?: Delimiter; headerLine?: number } = {},
): Layout | undefined {
  const separator = /^"?sep=([,;\t|])"?\s*$/i.exec(lines[0] ?? "")?.[1] as Delimiter | undefined;
  const skipped = separator === undefined ? 0 : 1;
  const looked = lines.slice(skipped, skipped + lookedAtLines);
  const said = known.delimiter ?? separator;
  const best = (said === undefined ? delimiters : [said])
    .map((delimiter) => ({ delimiter, ...widthOf(looked, delimiter) }))
    .reduce((one, other) => other.score > one.score ? other : one);
  if (known.headerLine !== undefined) {
    return {
      delimiter: best.delimiter,
      headerLine: known.headerLine,
      hasSeparatorLine: skipped > 0,
    };
  }
  const place = headerPlace(looked.map((line) => tolerantFields(line, best.delimiter)), best.width);
  if (place < 0) return undefined;
  return {
    delimiter: best.delimiter,
    headerLine: skipped + place + 1,
    hasSeparatorLine: skipped > 0,
  };
}

/**
 * Which of some records is the header, see {@linkcode findLayout}; -1 for none.
 *
 * @param width fields that most records have
 */
export function headerPlace(records: readonly (readonly string[])[], width: number): number {
  return records.slice(0, maxTitleLines).findIndex((fields) => isHeader(fields, width));
}

/** Into how many fields most lines are split, and how well that speaks for the delimiter. */
function widthOf(lines: readonly string[], delimiter: Delimiter): { width: number; score: number } {
  const counts = new Map<number, number>();
  for (const line of lines) {
    if (line.trim() === "") continue;
    const count = tolerantFields(line, delimiter).length;
    counts.set(count, (counts.get(count) ?? 0) + 1);
  }
  let width = 1, score = 0;
  for (const [count, times] of counts) {
    const own = (count - 1) * times;
    if (own > score) [width, score] = [count, own];
  }
  return { width, score };
}

/** Names of a header may be missing here and there, and a title may have empty fields behind it. */
function isHeader(fields: readonly string[], width: number): boolean {
  const names = fields.map((field) => field.trim()).filter((name) => name !== "");
  if (names.length < 2 || names.length * 2 < width) return false;
  return !names.some((name) => /\d/.test(name) && /^[-+\d.,:/\s]+$/.test(name));
}

/**
 * The fields of one line, as most programs read it that refuse nothing: a quote that begins a field ends where one
 * stands in front of a delimiter or at the end, and any other quote is text.
 */
export function tolerantFields(line: string, delimiter: string): string[] {
  if (!line.includes('"')) return line.split(delimiter);
  const fields: string[] = [];
  for (let at = 0;;) {
    const close = line[at] === '"' ? closingQuote(line, at, delimiter) : -1;
    if (close >= 0) {
      fields.push(line.slice(at + 1, close).replaceAll('""', '"'));
      at = close + 1;
    } else {
      const next = line.indexOf(delimiter, at);
      const end = next < 0 ? line.length : next;
      fields.push(line.slice(at, end));
      at = end;
    }
    if (at >= line.length) return fields;
    at++;
  }
}

/** The quote that closes the one at `open`; -1 if there is none. */
function closingQuote(line: string, open: number, delimiter: string): number {
  for (let at = line.indexOf('"', open + 1); at >= 0; at = line.indexOf('"', at + 1)) {
    if (line[at + 1] === '"' && line[at + 2] !== delimiter && at + 2 < line.length) at++;
    else if (at + 1 === line.length || line[at + 1] === delimiter) return at;
  }
  return -1;
}

/**
 * The fields of a line that has a wrong quote: split as it has as many as the header, where one way does.
 */
export function fieldsOfBadLine(line: string, delimiter: string, width: number): string[] {
  const tolerant = tolerantFields(line, delimiter);
  if (tolerant.length === width) return tolerant;
  const plain = line.split(delimiter);
  return plain.length === width ? plain : tolerant;
}
