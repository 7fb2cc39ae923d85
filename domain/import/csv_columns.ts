/**
 * Where a file has the columns of the import.
 *
 * @module
 */

import {
  type ColumnPlaces,
  type ImportColumn,
  importColumns,
  importColumnTable,
  type RejectMarks,
  termColumns,
} from "./csv_rows.ts";
import { withoutUnseen } from "./unseen.ts";

/** Columns that a file may have, others among them: as many as a spreadsheet. */
export const maxColumns = 16_384;

/** The columns that a rejects file has besides those of the file it came from. */
export const rejectColumns = ["line", "reason"] as const;

/**
 * Finds the columns in a file's header: in any order and case, among any others. A column that a file may lack is at
 * a place that no record has.
 *
 * @returns the places, or a sentence saying what is wrong with the header
 */
export function placeColumns(header: readonly string[]): ColumnPlaces | string {
  const names = header.map(columnName);
  const missing = importColumns.filter((column) => !names.includes(column));
  if (missing.length > 0) {
    const list = missing.join(", ");
    const hint = header.length === 1 && /[;\t|]/.test(header[0]!)
      ? "; fields must be separated by commas"
      : "";
    return missing.length === 1
      ? `column ${list} is missing${hint}`
      : `columns ${list} are missing${hint}`;
  }
  const columns = [...importColumns, ...termColumns];
  const twice = columns.filter((column) => names.indexOf(column) !== names.lastIndexOf(column));
  if (twice.length > 0) return `column ${twice.join(", ")} stands there twice`;
  const places = Object.fromEntries(
    columns.map((column) => [column, names.indexOf(column)]),
  ) as Record<ImportColumn, number>;
  const terms = termColumns.filter((column) => places[column] >= 0);
  return {
    ...places,
    terms,
    termPlaces: terms.map((column) => places[column]),
    marks: marksIn(header),
  };
}

/** True for the name of a column that the importer knows, in any case. */
export function isImportColumn(name: string): boolean {
  return Object.hasOwn(importColumnTable, columnName(name));
}

/** True for the header of a file of rejects, corrected or not. */
export function isRejectsHeader(header: readonly string[]): boolean {
  const names = header.map(columnName);
  return rejectColumns.every((column) => names.includes(column));
}

/** What an earlier rejects file has added; undefined of any other file. */
export function marksIn(header: readonly string[]): RejectMarks | undefined {
  const names = header.map(columnName);
  const [line, reason] = rejectColumns.map((column) => names.indexOf(column)) as [number, number];
  return line < 0 || reason < 0 ? undefined : { line, reason };
}

/**
 * The places of the columns that a rejects file repeats: all but those that an earlier rejects file added,
 * so that a corrected one can be imported, rejected and corrected again.
 */
export function originalPlaces(header: readonly string[]): number[] {
  return header.flatMap((name, place) =>
    (rejectColumns as readonly string[]).includes(columnName(name)) ? [] : [place]
  );
}

function columnName(text: string): string {
  return withoutUnseen(text).trim().toLowerCase();
}
