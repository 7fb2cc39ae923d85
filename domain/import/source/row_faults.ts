/**
 * What a record of a file of any form is: a row, a row with a fault, or nothing.
 *
 * @module
 */

import { cutText } from "../../text/cut_text.ts";
import { visibleText } from "../../text/visible_text.ts";
import { notCsv } from "../csv_records.ts";
import type { SourceRecord, SourceRow } from "../source_row.ts";
import { isBlankRow } from "../csv_rows.ts";
import { fieldsOfBadLine } from "./layout.ts";

/** What all records of a file have in common. */
export interface RowRules {
  /** As many names as a sound row has fields. */
  header: readonly string[];
  /** What stands between fields. */
  delimiter: string;
  /** Bytes that the file's encoding does not know may have come as U+FFFD. */
  isDamaged: boolean;
  /** Empty fields at the end may be left out, as in workbooks. */
  mayBeShort: boolean;
}

/** Characters of a row that a fault repeats. */
const shownCharacters = 60;

/**
 * A record that is a row as it stands there, as most are; undefined for any other, see {@linkcode rowsOf}.
 */
export function soundRow(record: SourceRecord, rules: RowRules): SourceRow | undefined {
  const { fields, plain } = record;
  if (plain === undefined || fields.length !== rules.header.length) return undefined;
  const isFaulty = isBlankRow(fields) || faultOf(fields, rules) !== undefined;
  return isFaulty || isOtherHeader(fields, rules.header) ? undefined : record;
}

/**
 * The rows of a record: none for a blank one, and several where a quotation mark seems to have swallowed lines that
 * are rows themselves. Those are faulty, all of them, whichever way it was meant.
 *
 * @throws {WorkflowError} `invalid` for the header of another table, whose rows would be read by the first one's
 */
export function rowsOf(record: SourceRecord, rules: RowRules): SourceRow[] {
  const { header, delimiter } = rules;
  const width = header.length;
  const { line, text, problem } = record;
  if (problem !== undefined) {
    const wrong = text === undefined ? undefined : aroundQuote(text, delimiter);
    return [{
      line,
      fields: record.fields,
      fault: `${problem}${shown(wrong, record.fields, delimiter)}`,
    }];
  }
  const fields = withoutExtra(record.fields, width);
  if (isBlankRow(fields)) return [];
  if (isOtherHeader(fields, header)) throw notCsv(line, otherHeader);
  if (text !== undefined && hasSwallowed(fields, delimiter, width)) {
    return text.split("\n").flatMap((inner, place) =>
      inner.trim() === "" ? [] : [{
        line: line + place,
        fields: fieldsOfBadLine(inner, delimiter, width),
        fault: swallowed + shown(inner, [], delimiter),
      }]
    );
  }
  const fault = faultOf(fields, rules);
  if (fault !== undefined) {
    return [{ line, fields, fault: `${fault}${shown(text, fields, delimiter)}` }];
  }
  if (fields.length === width) {
    // As most are: what it is need not be made once more.
    return [text === undefined && fields === record.fields ? record : { line, fields }];
  }
  return [{ line, fields: [...fields, ...Array<string>(width - fields.length).fill("")] }];
}

const swallowed =
  "a quotation mark makes one field of several lines that look like rows: close it on its own line";

/**
 * Whether a quotation mark has taken in rows, until another closed it: then one field has whole rows in it, or what is
 * missing of the two rows that it joined.
 */
function hasSwallowed(fields: readonly string[], delimiter: string, width: number): boolean {
  const missing = Math.max(2, 2 * width - 1 - fields.length);
  return fields.some((field) => {
    if (!field.includes("\n")) return false;
    const counts = field.split("\n").map((line) => line.split(delimiter).length - 1);
    return counts[0]! + counts.at(-1)! >= missing ||
      counts.slice(1, -1).some((count) => count >= Math.max(2, width - 1));
  });
}

/** Spreadsheets leave empty columns behind at the end. */
function withoutExtra(fields: string[], width: number): string[] {
  let end = fields.length;
  while (end > width && fields[end - 1]!.trim() === "") end--;
  return end === fields.length ? fields : fields.slice(0, end);
}

function faultOf(
  fields: readonly string[],
  { header, isDamaged, mayBeShort }: RowRules,
): string | undefined {
  const width = header.length;
  if (fields.length > width) {
    return `has ${fields.length} fields, but the header has ${width}: a field with a delimiter in it must stand in ` +
      "quotation marks";
  }
  if (fields.length < width && !mayBeShort) {
    const filled = fields.filter((field) => field.trim() !== "").length;
    const count = fields.length === 1 ? "1 field" : `${fields.length} fields`;
    return filled * 3 <= width
      ? `has ${count}, but the header has ${width}, and looks like a title or a footer: remove it`
      : `has ${count}, but the header has ${width}: write its empty fields, too`;
  }
  if (isDamaged && fields.some((field) => field.includes("\ufffd"))) {
    return "has bytes that the file's encoding does not know, shown as \ufffd: write its text anew";
  }
  if (fields.length === width && repeats(fields, header)) {
    return "repeats the header: remove it";
  }
}

function repeats(fields: readonly string[], header: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at++) if (fields[at]!.trim() !== header[at]) return false;
  return true;
}

/** What is wrong with a file in which another table begins, for people. */
export const otherHeader: string =
  "is a second header, with other columns or in another order, so what is below it would be read wrong: import " +
  "the two tables as two files";

/** Names of a header that a row has at least to be one. */
const leastNames = 3;

/**
 * Whether a row is the header of another table, as where two exports were put together: most of what it says are names of columns,
 * and not all of them where they stand above.
 */
export function isOtherHeader(fields: readonly string[], header: readonly string[]): boolean {
  // Of nearly all rows these two say something else.
  if (!isNameIn(fields[0], header) && !isNameIn(fields[1], header)) return false;
  let filled = 0, names = 0, inPlace = 0;
  for (let at = 0; at < fields.length; at++) {
    const name = fields[at]!.trim();
    if (name === "") continue;
    filled++;
    if (name === header[at]) inPlace++;
    if (header.includes(name)) names++;
  }
  return names >= leastNames && 2 * names > filled && inPlace < filled;
}

function isNameIn(field: string | undefined, header: readonly string[]): boolean {
  return field !== undefined && field !== "" && header.includes(field.trim());
}

/** What stands around the first quotation mark that neither begins nor ends a field. */
function aroundQuote(text: string, delimiter: string): string {
  let place = text.indexOf('"');
  for (let at = place; at >= 0; at = text.indexOf('"', at + 1)) {
    const isEdge = at === 0 || text[at - 1] === delimiter || at === text.length - 1 ||
      text[at + 1] === delimiter;
    if (isEdge) continue;
    place = at;
    break;
  }
  const from = Math.max(0, place - shownCharacters / 2);
  return `${from > 0 ? "…" : ""}${text.slice(from)}`;
}

/** The row's text in brackets, which tell cases of a reason apart; it has none itself. */
function shown(text: string | undefined, fields: readonly string[], delimiter: string): string {
  const all = text ?? fields.join(delimiter);
  const start = all.slice(0, 4 * shownCharacters);
  const cut = cutText(start, shownCharacters);
  const line = visibleText(cut).replaceAll("(", "[").replaceAll(")", "]");
  return ` (${line}${cut.length < all.length ? "…" : ""})`;
}

/** Faulty rows that no file may have, however many others it has: the rest of it need not be looked at. */
export const mostFaultyRows = 200_000;

/** Faulty rows that a file may have, by how many it has. */
export function maxFaultyRows(rows: number): number {
  return Math.min(mostFaultyRows, Math.max(100, Math.floor(rows / 100)));
}

/** Rows with nothing in them that may follow each other: as many as a sheet of a spreadsheet has. */
export const maxBlankRows = 1_048_576;

/** What is wrong with more of them, for people. */
export const tooManyBlankRows: string =
  `is followed by more than ${maxBlankRows} rows with nothing in them: delete them, or copy the rows that have ` +
  "something to a new file";
