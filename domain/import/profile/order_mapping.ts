/**
 * What is needed to make orders of a file's rows, once all of its profile is settled.
 *
 * @module
 */

import { marksIn } from "../csv_columns.ts";
import type { CsvRow, FileLines, ImportColumn } from "../csv_rows.ts";
import type { RowsOfFile } from "../repeated_rows.ts";
import type { Fault } from "../../errors.ts";
import { withValue } from "../named_value.ts";
import {
  type ColumnPlace,
  type ColumnPlan,
  type PlannedColumn,
  textAt,
  textOf,
} from "./column_plan.ts";
import type { MoneyForm } from "./money_text.ts";
import type { ImportProfile, ProfileColumn } from "./profile.ts";
import { type TimeReader, timeReader } from "./time_text.ts";

/** See {@linkcode orderMapping}. */
export interface OrderMapping {
  /** Where the columns stand. */
  plan: ColumnPlan;
  /** The profile, settled. */
  settings: ImportProfile;
  /** How amounts are written. */
  money: MoneyForm;
  /** Reads times as the profile says. */
  readTime: TimeReader;
  /** What says something of an order counts for all of its rows. */
  fillsDown: boolean;
  /** Places of the columns in which each row says something of its order. */
  headPlaces: readonly number[];
  /** What is known of the file. */
  file: RowsOfFile;
}

/** What each row says of its order. */
const headColumns = [
  "external_order_id",
  "currency",
  "customer_id",
  "customer_email",
  "customer_name",
  "order_placed_at",
] as const;

/**
 * How the rows of a file are read whose profile is settled.
 *
 * @param settings without a question that is open
 * @param lines where its rows begin and end
 */
export function orderMapping(
  settings: ImportProfile,
  plan: ColumnPlan,
  lines?: FileLines,
): OrderMapping {
  const { money = {}, time = {} } = settings;
  return {
    plan,
    settings,
    money: { in: money.in ?? "units", decimal: money.decimal ?? "." },
    readTime: timeReader(time),
    fillsDown: settings.fillDown === "order",
    headPlaces: [
      ...new Set(headColumns.flatMap((column) => plan.columns[column]?.places.flat() ?? [])),
    ],
    file: { marks: marksIn(plan.header), lines },
  };
}

/** What a file says in a column, and the line that says it first. */
export interface SaidText {
  /** Trimmed, and not empty. */
  text: string;
  /** Of the file, from 1. */
  line: number;
  /** Where it stands; undefined for what all orders have alike. */
  place: ColumnPlace | undefined;
}

/** What the rows of an order say of the whole; undefined where none of them says anything. */
export function saidOf(
  rows: readonly CsvRow[],
  column: PlannedColumn | undefined,
): SaidText | undefined {
  if (column === undefined) return undefined;
  for (let index = 0; index < column.places.length; index++) {
    const place = column.places[index]!;
    for (let at = 0; at < rows.length; at++) {
      const { line, fields } = rows[at]!;
      const text = textOf(fields, place);
      if (text !== "") return { text, line, place };
    }
  }
  if (column.constant === undefined) return undefined;
  return { text: column.constant, line: rows[0]!.line, place: undefined };
}

/** What the fields of one row say in a column, or all rows alike; "" for nothing. */
export function ownText(fields: readonly string[], column: PlannedColumn | undefined): string {
  if (column === undefined) return "";
  return textAt(fields, column.places) || (column.constant ?? "");
}

/** Which of a profile's columns fills one of the product's own. */
const filledBy: Partial<Record<ImportColumn, ProfileColumn>> = { unit_price_cents: "price" };

/** What a column of the product's own is called in the file. */
export function nameInFile(plan: ColumnPlan, column: string): string {
  const key = filledBy[column as ImportColumn] ?? column as ProfileColumn;
  return plan.columns[key]?.name ?? column;
}

/** A problem with the value that has it. */
export function valueFault(at: string, problem: string, value: string): Fault {
  return { at, detail: withValue(problem, value) };
}
