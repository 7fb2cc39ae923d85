/**
 * The text of a rejects file: the rows as they were, with the lines and the reasons, safe to be opened with a
 * spreadsheet and to be imported again.
 *
 * @module
 */

import { isRejectsHeader, originalPlaces, rejectColumns } from "./csv_columns.ts";
import { csvLine, delimitedLine } from "./csv_text.ts";
import type { RejectedRow } from "./order_csv.ts";
import { visibleText } from "../text/visible_text.ts";
import { disarmed, rearmed } from "./spreadsheet_text.ts";

/** See {@linkcode rejectsCsv}. */
export interface RejectsCsv {
  /** The header as a line, behind the mark by which spreadsheets know UTF-8. */
  header: string;
  /** The row's fields as they came, then its line and its reason; the line break is part of it. */
  lineOf(row: RejectedRow): string;
}

/** What the rejects of a file have of it. */
export interface RejectsForm {
  /**
   * Of the imported file; its columns `line` and `reason`, if it is an earlier rejects file, are replaced.
   */
  header: readonly string[];
  /** What stands between its fields; a comma by default. */
  delimiter?: string;
}

/** Without it, a spreadsheet takes UTF-8 for the encoding of its own country, and saves what it misread. */
const byteOrderMark = "\ufeff";

/**
 * How the rejects of a file are written. Fields that a spreadsheet would take for formulas are disarmed, and the
 * import takes that back: see `spreadsheet_text.ts`.
 */
export function rejectsCsv({ header, delimiter = "," }: RejectsForm): RejectsCsv {
  const places = originalPlaces(header);
  const names = isRejectsHeader(header) ? header.map(rearmed) : header;
  const written = (fields: readonly (string | number)[]) => {
    const safe = fields.map((field) => typeof field === "string" ? disarmed(field) : field);
    return delimiter === "," ? csvLine(safe) : delimitedLine(safe, delimiter);
  };
  return {
    header: byteOrderMark + written([...places.map((place) => names[place]!), ...rejectColumns]),
    lineOf: ({ line, reason, fields }) =>
      written([...places.map((place) => fields[place] ?? ""), line, visibleText(reason)]),
  };
}
