/**
 * The columns of the import file, and one row of it: an item of an order, and what the order says about itself.
 *
 * @module
 */

import type { Fault } from "../errors.ts";
import { type IncomingItem, type OrderHead, orderLimits } from "../order/incoming_order.ts";
import { currencyProblem, isCurrency } from "../money.ts";
import { parsePlacedAt, tooFarAhead } from "../order/placed_at.ts";

/** A record as it stands in the file. */
export interface CsvRow {
  /** Line of the file that it begins on, from 1. */
  line: number;
  /** As many as the header has. */
  fields: readonly string[];
}

/** What is said of a column. */
export interface ImportColumnRow {
  /** What it is about. */
  of: "order" | "item";
  /** A file may be without it, as those are that were written before there was one. */
  optional?: true;
}

/** The columns as they are written down, in the order of the documentation. */
export const importColumnTable = {
  external_order_id: { of: "order" },
  order_placed_at: { of: "order" },
  currency: { of: "order" },
  customer_id: { of: "order" },
  customer_email: { of: "order" },
  customer_name: { of: "order" },
  product_sku: { of: "item" },
  product_name: { of: "item" },
  unit_price_cents: { of: "item" },
  qty: { of: "item" },
} as const satisfies Record<string, ImportColumnRow>;

/** A column of the import file. */
export type ImportColumn = keyof typeof importColumnTable;

/** Where each column stands in a file's records, counted from 0; -1 for one that the file is without. */
export type ColumnPlaces = Readonly<Record<ImportColumn, number>>;

/** Every column of an import file, in the order of the documentation. */
export const importColumns = Object.keys(importColumnTable) as readonly ImportColumn[];

/** True unless a file may be without the column. */
export function isRequiredColumn(column: ImportColumn): boolean {
  const { optional }: ImportColumnRow = importColumnTable[column];
  return optional !== true;
}

const headColumns = importColumns.filter((column) => importColumnTable[column].of === "order");
const itemColumns = importColumns.filter((column) => importColumnTable[column].of === "item");

/** A row without a fault. */
export interface OrderRow {
  /** What every row of an order says the same of it. */
  head: OrderHead;
  /** What the row adds to its order. */
  item: IncomingItem;
}

/**
 * Checks every field of a row against the limits of the import format.
 *
 * @param latestPlacedAt the latest time that an order can have been placed at; any by default
 * @param before another row and what was read of it: what both say of their order in the same words is
 * taken from there
 * @returns the row, or all of its faults: `at` is the column
 */
export function readRow(
  fields: readonly string[],
  places: ColumnPlaces,
  latestPlacedAt = "9999-12-31 23:59:59.999",
  before?: { fields: readonly string[]; row: OrderRow },
): OrderRow | Fault[] {
  const faults: Fault[] = [];
  const head = before !== undefined && sameHead(fields, before.fields, places)
    ? before.row.head
    : readHead(fields, places, latestPlacedAt, faults);
  const sku = trimmed(fields, places, "product_sku");
  check(faults, "product_sku", idProblem(sku));
  const name = trimmed(fields, places, "product_name");
  check(faults, "product_name", textProblem(name));
  const unitPriceCents = integer(
    fields,
    places,
    "unit_price_cents",
    0,
    orderLimits.unitPriceCents,
    faults,
  );
  const qty = integer(fields, places, "qty", 1, orderLimits.qty, faults);
  if (faults.length > 0) return faults;
  return { head, item: { sku, name, unitPriceCents, qty } };
}

/** True for a row that says nothing at all, as spreadsheets leave them behind. */
export function isBlankRow(fields: readonly string[]): boolean {
  return fields.every((field) => field.trim() === "");
}

/** True for a row that has something of an item and does not say of which order. */
export function lacksItsOrder(fields: readonly string[], places: ColumnPlaces): boolean {
  return trimmed(fields, places, "external_order_id") === "" &&
    itemColumns.some((column) => trimmed(fields, places, column) !== "");
}

function sameHead(a: readonly string[], b: readonly string[], places: ColumnPlaces): boolean {
  for (const column of headColumns) if (a[places[column]] !== b[places[column]]) return false;
  return true;
}

/** What a row says of its order; not to be used if there are faults. */
function readHead(
  fields: readonly string[],
  places: ColumnPlaces,
  latestPlacedAt: string,
  faults: Fault[],
): OrderHead {
  const externalOrderId = trimmed(fields, places, "external_order_id");
  check(faults, "external_order_id", idProblem(externalOrderId));
  const placedAt = parsePlacedAt(trimmed(fields, places, "order_placed_at"));
  if (placedAt === undefined) check(faults, "order_placed_at", placedAtProblem);
  else if (placedAt > latestPlacedAt) check(faults, "order_placed_at", tooFarAhead);
  const currency = trimmed(fields, places, "currency");
  if (!isCurrency(currency.toUpperCase())) check(faults, "currency", currencyProblem);
  const externalId = trimmed(fields, places, "customer_id");
  check(faults, "customer_id", idProblem(externalId));
  const email = trimmed(fields, places, "customer_email");
  check(faults, "customer_email", textProblem(email));
  const name = trimmed(fields, places, "customer_name");
  check(faults, "customer_name", textProblem(name));
  return {
    externalOrderId,
    placedAt: placedAt ?? "",
    currency: currency.toUpperCase(),
    customer: { externalId, email, name },
  };
}

const placedAtProblem =
  "must be a date and time such as 2010-12-01 08:26:00 or 2010-12-01T08:26:00Z";

function trimmed(fields: readonly string[], places: ColumnPlaces, column: ImportColumn): string {
  return (fields[places[column]] ?? "").trim();
}

function check(faults: Fault[], column: ImportColumn, problem: string | undefined): void {
  if (problem !== undefined) faults.push({ at: column, detail: problem });
}

function integer(
  fields: readonly string[],
  places: ColumnPlaces,
  column: ImportColumn,
  min: number,
  max: number,
  faults: Fault[],
): number {
  const raw = trimmed(fields, places, column);
  const value = /^\d+$/.test(raw) ? Number(raw) : NaN;
  if (!(value >= min && value <= max)) {
    check(faults, column, `must be an integer ${min}…${max}`);
  }
  return value;
}

/** Why a text can't be an id or a SKU, if it can't; it must be trimmed. */
export function idProblem(value: string): string | undefined {
  if (value === "") return "is missing";
  if (isLonger(value, orderLimits.idLength)) {
    return `must be at most ${orderLimits.idLength} characters long`;
  }
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f-\x9f]/.test(value)) return "must not hold control characters";
}

/** Why a text can't be a name or an e-mail address, if it can't; it must be trimmed. */
export function textProblem(value: string): string | undefined {
  if (value === "") return "is missing";
  if (isLonger(value, orderLimits.textLength)) {
    return `must be at most ${orderLimits.textLength} characters long`;
  }
  if (value.includes("\0")) return "must not hold the character NUL";
}

/** Whether a text has more characters than `limit`: code points, of which a string may need two units. */
function isLonger(value: string, limit: number): boolean {
  if (value.length <= limit) return false;
  return value.length > 2 * limit || [...value].length > limit;
}
