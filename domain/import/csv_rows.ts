/**
 * The columns of the import file, and one row of it: an item of an order, and what the order says about itself.
 *
 * @module
 */

import type { Fault } from "../errors.ts";
import { erasedIdProblem, isErasedId } from "../customer/erased_customer.ts";
import { guestIdProblem, guestOf, type IncomingCustomer, isGuestId } from "../order/guest.ts";
import { type IncomingItem, type OrderHead, orderLimits } from "../order/incoming_order.ts";
import { destroyedIdProblem } from "./destroyed_id.ts";
import { withValue } from "./named_value.ts";
import { sumRowProblem } from "./sum_row.ts";
import { currencyProblem, isCurrency, minorUnitsMeant } from "../money.ts";
import { parsePlacedAt, tooFarAhead } from "../order/placed_at.ts";

/** A record as it stands in the file. */
export interface CsvRow {
  /** Line of the file that it begins on, from 1. */
  line: number;
  /** As many as the header has. */
  fields: readonly string[];
  /** Lets go of what can be read again: its order was decided on. */
  release?(): void;
}

/** What is said of a column. */
export interface ImportColumnRow {
  /** What it is about: `terms` are what an order says as a whole, on any of its rows. */
  of: "order" | "item" | "terms";
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
  shipping_cents: { of: "terms" },
  tax_cents: { of: "terms" },
  tax_included: { of: "terms" },
  discount_cents: { of: "terms" },
  tip_cents: { of: "terms" },
  fee_cents: { of: "terms" },
  order_total_cents: { of: "terms" },
  payment_status: { of: "terms" },
  payment_provider: { of: "terms" },
  payment_reference: { of: "terms" },
  language: { of: "terms" },
} as const satisfies Record<string, ImportColumnRow>;

/** A column of the import file. */
export type ImportColumn = keyof typeof importColumnTable;

/** A column that a file may be without. */
export type TermColumn = {
  [Column in ImportColumn]: typeof importColumnTable[Column]["of"] extends "terms" ? Column : never;
}[ImportColumn];

/** Where each column stands in a file's records, counted from 0; -1 for one that the file is without. */
export interface ColumnPlaces extends Readonly<Record<ImportColumn, number>> {
  /** The columns of {@linkcode termColumns} that the file has: nothing is done about the others, row by row. */
  readonly terms: readonly TermColumn[];
  /** Where those stand, one by one: looked up by number for every row. */
  readonly termPlaces: readonly number[];
  /** Of an earlier rejects file; undefined of any other. */
  readonly marks: RejectMarks | undefined;
  /** Where the file's rows begin and end; undefined where not all of them were seen. */
  readonly lines?: FileLines;
}

/** The lines of a file, from 1, on which its first row and its last one begin. */
export interface FileLines {
  /** Of its first row. */
  first: number;
  /** Of its last one. */
  last: number;
}

/** Where a rejects file has what it adds to the columns of the file that it came from, counted from 0. */
export interface RejectMarks {
  /** The lines of that file. */
  line: number;
  /** Why each row was not taken. */
  reason: number;
}

const allColumns = Object.keys(importColumnTable) as readonly ImportColumn[];

/** Every column that an import file must have, in the order of the documentation. */
export const importColumns: readonly ImportColumn[] = allColumns.filter((column) =>
  importColumnTable[column].of !== "terms"
);

/** The columns that it may be without, in the order of the documentation. */
export const termColumns = allColumns.filter((column) =>
  importColumnTable[column].of === "terms"
) as readonly TermColumn[];

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
 * @param sumWords whether a product may be called as sums are; see `sum_row.ts`
 * @returns the row, or all of its faults: `at` is the column
 */
export function readRow(
  fields: readonly string[],
  places: ColumnPlaces,
  latestPlacedAt = "9999-12-31 23:59:59.999",
  before?: { fields: readonly string[]; row: OrderRow },
  sumWords: "refused" | "items" = "refused",
): OrderRow | Fault[] {
  const faults: Fault[] = [];
  const head = before !== undefined && sameHead(fields, before.fields, places)
    ? before.row.head
    : readHead(fields, places, latestPlacedAt, faults);
  const sku = trimmed(fields, places, "product_sku");
  check(faults, "product_sku", idProblem(sku) ?? destroyedIdProblem(sku), sku);
  const name = trimmed(fields, places, "product_name");
  check(faults, "product_name", textProblem(name), name);
  if (sumWords === "refused") {
    const problem = sumRowProblem(sku);
    if (problem !== undefined) check(faults, "product_sku", problem, sku);
    else check(faults, "product_name", sumRowProblem(name), name);
  }
  const unitPriceCents = integer(fields, places, priceField, head.currency, faults);
  const qty = integer(fields, places, qtyField, "", faults);
  if (faults.length > 0) return faults;
  return { head, item: { sku, name, unitPriceCents, qty } };
}

/**
 * Whether an item keeps the same rules; for who has read its numbers already.
 *
 * @param sumWords see {@linkcode readRow}
 * @returns false where {@linkcode readRow} names a fault
 */
export function isGoodItem(
  { sku, name, unitPriceCents, qty }: IncomingItem,
  sumWords: "refused" | "items" = "refused",
): boolean {
  return idProblem(sku) === undefined && destroyedIdProblem(sku) === undefined &&
    textProblem(name) === undefined &&
    (sumWords === "items" ||
      sumRowProblem(sku) === undefined && sumRowProblem(name) === undefined) &&
    unitPriceCents >= priceField.min && unitPriceCents <= priceField.max &&
    qty >= qtyField.min && qty <= qtyField.max;
}

/** True for a row that says nothing at all, as spreadsheets leave them behind. */
export function isBlankRow(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at]!;
    if (field.charCodeAt(0) > 32 && field.charCodeAt(0) < 127 || field.trim() !== "") return false;
  }
  return true;
}

/** True for a row that has something of an item and does not say of which order. */
export function lacksItsOrder(fields: readonly string[], places: ColumnPlaces): boolean {
  return trimmed(fields, places, "external_order_id") === "" &&
    itemColumns.some((column) => trimmed(fields, places, column) !== "");
}

/**
 * True for a row that leaves out what each row says of its order, as files do that say it on an order's first row only.
 * One field that is empty is a fault of its row.
 */
export function lacksItsHead(fields: readonly string[], places: ColumnPlaces): boolean {
  let empty = 0;
  for (const column of sharedColumns) if (trimmed(fields, places, column) === "") empty++;
  return empty >= 2;
}

/** What every row says of its order besides its id. */
const sharedColumns = ["order_placed_at", "currency", "customer_name"] as const;

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
  check(faults, "external_order_id", idProblem(externalOrderId), externalOrderId);
  const time = trimmed(fields, places, "order_placed_at");
  const placedAt = parsePlacedAt(time);
  if (placedAt === undefined) check(faults, "order_placed_at", placedAtProblem, time);
  else if (placedAt > latestPlacedAt) check(faults, "order_placed_at", tooFarAhead, time);
  const currency = trimmed(fields, places, "currency");
  if (!isCurrency(currency.toUpperCase())) check(faults, "currency", currencyProblem, currency);
  return {
    externalOrderId,
    placedAt: placedAt ?? "",
    currency: currency.toUpperCase(),
    customer: readCustomer(fields, places, externalOrderId, faults),
  };
}

/** Everybody has a name: the guest of a till is called by it, or `Guest`. Nobody needs an address. */
function readCustomer(
  fields: readonly string[],
  places: ColumnPlaces,
  externalOrderId: string,
  faults: Fault[],
): IncomingCustomer {
  const externalId = trimmed(fields, places, "customer_id");
  const isGuest = externalId === "";
  if (!isGuest) {
    const problem = customerIdProblem(externalId) ?? destroyedIdProblem(externalId);
    check(faults, "customer_id", problem, externalId);
  }
  const address = trimmed(fields, places, "customer_email");
  const email = address === "" ? null : address;
  if (email !== null) check(faults, "customer_email", textProblem(email), email);
  const name = trimmed(fields, places, "customer_name");
  if (isGuest && name === "") {
    check(faults, "customer_id", "is missing, and a guest needs a name", "");
  }
  check(faults, "customer_name", textProblem(name), name);
  return isGuest ? guestOf(email, name, externalOrderId) : { externalId, email, name };
}

const placedAtProblem =
  "must be a date and time such as 2010-12-01 08:26:00 or 2010-12-01T08:26:00Z";

function trimmed(fields: readonly string[], places: ColumnPlaces, column: ImportColumn): string {
  return (fields[places[column]] ?? "").trim();
}

/** @param value that the problem is about, trimmed */
function check(
  faults: Fault[],
  column: ImportColumn,
  problem: string | undefined,
  value: string,
): void {
  if (problem !== undefined) faults.push({ at: column, detail: withValue(problem, value) });
}

const priceField = { column: "unit_price_cents", min: 0, max: orderLimits.unitPriceCents } as const;
const qtyField = { column: "qty", min: 1, max: orderLimits.qty } as const;

/** @param currency of an amount; empty for what is none */
function integer(
  fields: readonly string[],
  places: ColumnPlaces,
  { column, min, max }: { column: ImportColumn; min: number; max: number },
  currency: string,
  faults: Fault[],
): number {
  const raw = trimmed(fields, places, column);
  const value = /^\d+$/.test(raw) ? Number(raw) : NaN;
  if (!(value >= min && value <= max)) {
    check(faults, column, amountProblem(raw, min, max, currency), raw);
  }
  return value;
}

/**
 * Why a text can't be an amount in minor units, if it can't. One in units of the currency is told what to write.
 *
 * @param currency ISO 4217, upper case; anything else where it is not known
 */
export function amountProblem(
  text: string,
  min: number,
  max: number,
  currency: string,
): string | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return undefined;
  return minorUnitsProblem(text, min, max, currency) ?? `must be an integer ${min}…${max}`;
}

/** The same of an amount that is known to be none in minor units; undefined where it is none in units either. */
export function minorUnitsProblem(
  text: string,
  min: number,
  max: number,
  currency: string,
): string | undefined {
  const meant = minorUnitsMeant(text, currency);
  if (meant === undefined || meant < min || meant > max) return undefined;
  return `${text}: write ${meant}, minor units`;
}

/** Why a text can't be the shop's own id of a customer, if it can't; it must be trimmed. */
export function customerIdProblem(value: string): string | undefined {
  if (isErasedId(value)) return erasedIdProblem;
  return isGuestId(value) ? guestIdProblem : idProblem(value);
}

/** Why a text can't be an id or a SKU, if it can't; it must be trimmed. */
export function idProblem(value: string): string | undefined {
  if (value === "") return "is missing";
  if (isLonger(value, orderLimits.idLength)) {
    return `must be at most ${orderLimits.idLength} characters long`;
  }
  if (/^[\x20-\x7e]*$/.test(value)) return undefined;
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f-\x9f]/.test(value)) return "must not hold control characters";
  const hidden = hiddenCharacter.exec(value)?.[0].codePointAt(0);
  if (hidden !== undefined) {
    const code = hidden.toString(16).toUpperCase().padStart(4, "0");
    return `holds the character U+${code}, which can't be seen: remove it, or write a plain blank`;
  }
  if (value !== value.normalize("NFC")) {
    return `is written with letters and marks apart (Unicode NFD): write ${
      value.normalize("NFC")
    } in the form NFC`;
  }
}

/**
 * What nobody sees in an id: two that differ by it look alike and would be two orders, or two products. Blanks of other
 * kinds, soft hyphens, joiners, marks of direction, variants, byte order marks.
 */
const hiddenCharacter = /(?! )[\p{Zs}\p{Zl}\p{Zp}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

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
