/**
 * The text of a rejects file: the rows as they were, with the lines and the reasons, safe to be opened with a
 * spreadsheet and to be imported again.
 *
 * @module
 */

import { isRejectsHeader, originalPlaces, rejectColumns } from "./csv_columns.ts";
import { csvLine } from "./csv_text.ts";
import type { RejectedRow } from "./order_csv.ts";
import { disarmed, rearmed } from "./spreadsheet_text.ts";

/** See {@linkcode rejectsCsv}. */
export interface RejectsCsv {
  /** The header as a line. */
  header: string;
  lineOf(row: RejectedRow): string;
}

/**
 * How the rejects of a file are written. Fields that a spreadsheet would take for formulas are disarmed, and the
 * import takes that back: see `spreadsheet_text.ts`.
 *
 * @param header of the imported file; its columns `line` and `reason`, if it is an earlier rejects file, are
 * replaced
 */
export function rejectsCsv(header: readonly string[]): RejectsCsv {
  const places = originalPlaces(header);
  const names = isRejectsHeader(header) ? header.map(rearmed) : header;
  const written = (fields: readonly (string | number)[]) =>
    csvLine(fields.map((field) => typeof field === "string" ? disarmed(field) : field));
  return {
    header: written([...places.map((place) => names[place]!), ...rejectColumns]),
    lineOf: ({ line, reason, fields }) =>
      written([...places.map((place) => fields[place] ?? ""), line, reason]),
  };
}
