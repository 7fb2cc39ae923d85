/**
 * Rows of an order that stand in a file more than once because they were pasted twice, or because two exports that overlap
 * were put together: its amounts would be booked as often.
 *
 * @module
 */

import type { CsvRow, FileLines, OrderRow, RejectMarks } from "./csv_rows.ts";

/** Why such an order is not taken; what tells cases apart stands in brackets at its end. */
const reason =
  "the rows of the order stand there more than once, all of them in the same sequence: remove the copies, or where they " +
  'are meant name what the order comes to, or say repeated_rows: "items" in a profile or by --set';

/** What else is known of the file that the rows are of. */
export interface RowsOfFile {
  /** Where an earlier rejects file says which lines they were, and why they were not taken. */
  marks?: RejectMarks | undefined;
  /** Where its rows begin and end. */
  lines?: FileLines | undefined;
}

/**
 * Why an order's rows are surely copies of each other; undefined where they may all be meant.
 *
 * Several rows that come again in the same sequence until all of them stood there as often are a copy. One row that comes
 * again may be a further unit of the same thing, wherever it stands: it is a copy only where the file as a whole came again.
 *
 * @param read what each row without a fault adds, and all rows; those that are left out are rows of the order, too
 */
export function repeatedRows(
  { good, sources, bad }: {
    good: readonly OrderRow[];
    sources: readonly CsvRow[];
    bad: readonly CsvRow[];
  },
  { marks, lines }: RowsOfFile = {},
): string | undefined {
  if (!comesAgain(good, bad.length === 0)) return undefined;
  const rows = bad.length === 0 ? sources : [...sources, ...bad].sort((a, b) => a.line - b.line);
  const places = marks === undefined ? [] : [marks.line, marks.reason];
  const copy = rowsOfACopy(rows.map(({ fields }) => ownText(fields, places)));
  const length = copy > 1 ? copy : Math.min(
    rowsOfAFile(rows, lines),
    marks === undefined ? rows.length : rowsBeforeCopy(rows, marks),
  );
  if (length === rows.length) return undefined;
  return `${reason} (lines ${rows[0]!.line} and ${rows[length]!.line})`;
}

/** Whether the products come again in one sequence: of most orders nothing more is looked at. */
function comesAgain(rows: readonly OrderRow[], isWhole: boolean): boolean {
  const { sku } = rows[0]!.item;
  for (let at = 1; at < rows.length; at++) {
    if (rows[at]!.item.sku !== sku) continue;
    return !isWhole || rowsOfACopy(rows.map(({ item }) => item.sku)) < rows.length;
  }
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

/**
 * How many of an order's rows, all of which are alike, a file has before it begins anew; all of them where it does not. Its
 * copies are of as many lines, and may have its header between them.
 */
function rowsOfAFile(rows: readonly CsvRow[], lines: FileLines | undefined): number {
  if (lines === undefined) return rows.length;
  const all = lines.last - lines.first + 1;
  for (let length = 1; length <= rows.length / 2; length++) {
    if (rows.length % length !== 0) continue;
    const apart = rows[length]!.line - rows[0]!.line;
    const headers = apart * rows.length / length - all;
    if (headers !== 0 && headers !== 1 || apart <= length + headers) continue;
    const isCopy = rows.every(({ line }, at) =>
      at < length || line - rows[at - length]!.line === apart
    );
    if (isCopy) return length;
  }
  return rows.length;
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
