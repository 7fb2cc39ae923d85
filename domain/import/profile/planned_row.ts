/**
 * A record of a file with a profile, and what was found out about it before its order is decided on.
 *
 * @module
 */

import type { CsvRow } from "../csv_rows.ts";

/**
 * The fields of a record with the id of its order and its fault behind them, so that a row is still a line and fields,
 * wherever it is kept until its order is complete.
 *
 * @param width columns that the header has; what a record has beyond is cut, what it lacks is empty
 * @param fault why it can't be read; "" for a sound record
 */
export function plannedFields(
  fields: readonly string[],
  width: number,
  orderId: string,
  fault: string,
): string[] {
  const planned = fields.slice(0, width);
  while (planned.length < width) planned.push("");
  planned.push(orderId, fault);
  return planned;
}

/** The id of the order that a row belongs to; "" for none. */
export function plannedId({ fields }: CsvRow): string {
  return fields[fields.length - 2]!;
}

/** Why a row can't be read; "" for a sound one. */
export function plannedFault({ fields }: CsvRow): string {
  return fields[fields.length - 1]!;
}
