/**
 * One row of the import file: an item of an order, and what the order says about itself.
 *
 * @module
 */

import type { ColumnPlaces, ImportColumn } from "./csv_columns.ts";
import type { Fault } from "./errors.ts";
import { type IncomingItem, orderLimits } from "./incoming_order.ts";
import { parsePlacedAt } from "./placed_at.ts";

/** A record as it stands in the file. */
export interface CsvRow {
  /** Line of the file that it begins on, from 1. */
  line: number;
  /** As many as the header has. */
  fields: readonly string[];
}

/** A row without a fault. */
export interface OrderRow {
  /** The shop's own id of the order. */
  externalOrderId: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`. */
  placedAt: string;
  /** Three upper-case letters. */
  currency: string;
  /** Who buys; every row of an order says the same. */
  customer: { externalId: string; email: string; name: string };
  /** What the row adds to its order. */
  item: IncomingItem;
}

/**
 * Checks every field of a row against the limits of the import format.
 *
 * @returns the row, or all of its faults: `at` is the column
 */
export function readRow(fields: readonly string[], places: ColumnPlaces): OrderRow | Fault[] {
  const faults: Fault[] = [];
  const text = (column: ImportColumn) => (fields[places[column]] ?? "").trim();
  const check = (column: ImportColumn, problem: string | undefined) => {
    if (problem !== undefined) faults.push({ at: column, detail: problem });
  };
  const id = (column: ImportColumn) => {
    const value = text(column);
    check(column, idProblem(value));
    return value;
  };
  const words = (column: ImportColumn) => {
    const value = text(column);
    check(column, textProblem(value));
    return value;
  };
  const integer = (column: ImportColumn, least: number, most: number) => {
    const raw = text(column);
    const value = /^\d+$/.test(raw) ? Number(raw) : NaN;
    const inRange = value >= least && value <= most;
    check(column, inRange ? undefined : `must be an integer ${least}…${most}`);
    return value;
  };

  const externalOrderId = id("external_order_id");
  const placedAt = parsePlacedAt(text("order_placed_at"));
  if (placedAt === undefined) {
    check(
      "order_placed_at",
      "must be a date and time such as 2010-12-01 08:26:00 or 2010-12-01T08:26:00Z",
    );
  }
  const currency = text("currency");
  check("currency", /^[a-z]{3}$/i.test(currency) ? undefined : "must be three letters");
  const customer = {
    externalId: id("customer_id"),
    email: words("customer_email"),
    name: words("customer_name"),
  };
  const item = {
    sku: id("product_sku"),
    name: words("product_name"),
    unitPriceCents: integer("unit_price_cents", 0, orderLimits.unitPriceCents),
    qty: integer("qty", 1, orderLimits.qty),
  };
  if (faults.length > 0) return faults;
  return {
    externalOrderId,
    placedAt: placedAt!,
    currency: currency.toUpperCase(),
    customer,
    item,
  };
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
