/**
 * Rows of an order that stand in a file more than once because they were pasted twice, or because two exports that overlap
 * were put together: its amounts would be booked as often.
 *
 * @module
 */

import type { CsvRow, OrderRow, RejectMarks } from "./csv_rows.ts";

/** Why such an order is not taken; what tells cases apart stands in brackets at its end. */
const reason =
  "the rows of the order stand there more than once, all of them in the same sequence: remove the copies, or where they " +
  'are meant name what the order comes to, or say repeated_rows: "items" in a profile or by --set';

/**
 * Why an order's rows are surely copies of each other; undefined where they may all be meant.
 *
 * Several rows that come again in the same sequence until all of them stood there as often are a copy. One row that comes
 * again may be a second unit of the same thing: it is a copy only where other orders stand between, because who writes an
 * order down writes it in one go.
 *
 * @param read what each row without a fault adds, and all rows; those that are left out are rows of the order, too
 * @param marks where an earlier rejects file says which lines they were, and why they were not taken: rows that are rejected
 * stand together there
 */
export function repeatedRows(
  { good, sources, bad }: {
    good: readonly OrderRow[];
    sources: readonly CsvRow[];
    bad: readonly CsvRow[];
  },
  marks?: RejectMarks,
): string | undefined {
  if (!comesAgain(good)) return undefined;
  const rows = bad.length === 0 ? sources : [...sources, ...bad].sort((a, b) => a.line - b.line);
  const places = marks === undefined ? [] : [marks.line, marks.reason];
  const copy = rowsOfACopy(rows.map(({ fields }) => ownText(fields, places)));
  const length = copy > 1
    ? copy
    : marks === undefined
    ? rowsOfABlock(rows)
    : Math.min(rowsOfABlock(rows.map((row) => asItWas(row, marks))), rowsBeforeCopy(rows, marks));
  if (length === rows.length) return undefined;
  return `${reason} (lines ${rows[0]!.line} and ${rows[length]!.line})`;
}

/** Whether the first row's product is that of another row as well: of most orders nothing more is looked at. */
function comesAgain(rows: readonly OrderRow[]): boolean {
  const { sku } = rows[0]!.item;
  for (let at = 1; at < rows.length; at++) if (rows[at]!.item.sku === sku) return true;
  return false;
}

/** A row as one text. */
function ownText(fields: readonly string[], marks: readonly number[]): string {
  const own = marks.length === 0 ? fields : fields.filter((_, place) => !marks.includes(place));
  return JSON.stringify(own);
}

/** How many rows the shortest sequence has of which all rows are repetitions; all of them where there is none. */
function rowsOfACopy(texts: readonly string[]): number {
  // Of each beginning the longest end that it begins with as well.
  const ends = new Int32Array(texts.length);
  for (let at = 1, length = 0; at < texts.length; at++) {
    while (length > 0 && texts[at] !== texts[length]) length = ends[length - 1]!;
    if (texts[at] === texts[length]) length++;
    ends[at] = length;
  }
  const shortest = texts.length - ends[texts.length - 1]!;
  return texts.length % shortest === 0 ? shortest : texts.length;
}

/** How many rows stand together, in each of several places; all of them where they stand in one, or not alike. */
function rowsOfABlock(rows: readonly CsvRow[]): number {
  const isNext = (at: number) =>
    rows[at]!.line === rows[at - 1]!.line + linesOf(rows[at - 1]!.fields);
  let first = 1;
  while (first < rows.length && isNext(first)) first++;
  for (let at = first; at < rows.length; at++) {
    if (isNext(at) !== (at % first !== 0)) return rows.length;
  }
  return rows.length % first === 0 ? first : rows.length;
}

/** A row of an earlier rejects file with the line that it was on in the file before. */
function asItWas({ line, fields }: CsvRow, marks: RejectMarks): CsvRow {
  const before = (fields[marks.line] ?? "").trim();
  return { line: /^\d{1,9}$/.test(before) ? Number(before) : line, fields };
}

/**
 * How many rows stand before the first one of the copy that an earlier rejects file tells of, where both are still there;
 * all of them where they are not.
 */
function rowsBeforeCopy(rows: readonly CsvRow[], marks: RejectMarks): number {
  const said = rows[0]!.fields[marks.reason] ?? "";
  const [, first, second] = said.includes(reason) && / \(lines (\d+) and (\d+)\)$/.exec(said) || [];
  const lines = rows.map(({ fields }) => (fields[marks.line] ?? "").trim());
  const at = second === undefined ? -1 : lines.indexOf(second);
  return at > 0 && lines.includes(first!) ? at : rows.length;
}

/** Lines of the file that a row takes: a field may have line breaks. */
function linesOf(fields: readonly string[]): number {
  let lines = 1;
  for (const field of fields) lines += field.match(/\r\n|\n|\r/g)?.length ?? 0;
  return lines;
}
