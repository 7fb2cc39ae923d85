/**
 * Watches the columns of a file in the own form of which no use is made, for values that say what became of orders.
 *
 * @module
 */

import { isImportColumn, isRejectsHeader, rejectColumns } from "../../domain/import/csv_columns.ts";
import type { ColumnPlaces } from "../../domain/import/csv_rows.ts";
import {
  contradicts,
  isOfParcel,
  outcomeBetween,
} from "../../domain/import/profile/suspicious_column.ts";

/** See {@linkcode watchOutcomes}. */
export interface OutcomeWatch {
  /** Where the fields of a record end that has no quotes, told by `outlineOf`. */
  ends: Int32Array;
  /**
   * What a record says in a column of which no use is made; undefined where it says nothing of its order's money.
   *
   * @param from where the record begins, which has as many fields as the header
   * @param fields of a record with quotes
   */
  look(
    text: string,
    from: number,
    fields: readonly string[] | undefined,
  ): { name: string; value: string } | undefined;
}

/**
 * Watches every record and keeps none: what a value says is told by itself. A word that agrees with `payment_status`
 * is passed over.
 *
 * @returns undefined for a file that has no such column, of which then nothing is looked at
 */
export function watchOutcomes(
  header: readonly string[],
  { payment_status: statusPlace }: ColumnPlaces,
): OutcomeWatch | undefined {
  const own: readonly string[] = isRejectsHeader(header) ? rejectColumns : [];
  const watched = header.flatMap((name, place) =>
    isImportColumn(name) || isOfParcel(name) || own.includes(name.trim().toLowerCase())
      ? []
      : [place]
  );
  if (watched.length === 0) return undefined;
  const ends = new Int32Array(header.length);
  const startOf = (place: number, from: number) => place === 0 ? from : ends[place - 1]! + 1;
  return {
    ends,
    look(text, from, fields) {
      for (const place of watched) {
        const said = fields === undefined
          ? outcomeBetween(text, startOf(place, from), ends[place]!)
          : outcomeBetween(fields[place]!, 0, fields[place]!.length);
        if (said === undefined) continue;
        const fieldAt = (place: number) =>
          fields === undefined ? text.slice(startOf(place, from), ends[place]) : fields[place]!;
        const status = statusPlace < 0 ? "" : fieldAt(statusPlace);
        if (!contradicts(said, settledBy(status))) continue;
        return { name: header[place]!.trim(), value: fieldAt(place).trim() };
      }
      return undefined;
    },
  };
}

/** What becomes of an order by its `payment_status`; see `csv_terms.ts`. */
function settledBy(status: string): "paid" | "charge" | undefined {
  const word = status.trim().toLowerCase();
  return word === "paid" ? "paid" : word === "due" ? "charge" : undefined;
}
