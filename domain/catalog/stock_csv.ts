/**
 * The columns of a stock file, and one row of it: the units of a product, to be set or to be added.
 *
 * @module
 */

import type { Fault } from "../errors.ts";
import { maxColumns } from "../import/csv_columns.ts";
import { idProblem, textProblem } from "../import/csv_rows.ts";
import { orderLimits } from "../order/incoming_order.ts";
import { cutText } from "../text/cut_text.ts";
import { maxUnits } from "./stock.ts";

/** What the quantities of a file mean, by the column that has them. */
export const stockModes = { set: "set_qty", add: "add_qty" } as const;

/** `set`: units that are available from now on; `add`: units that came in, or went where it is below zero. */
export type StockMode = keyof typeof stockModes;

/** Where a file has its columns, counted from 0; -1 for one that it is without. */
export interface StockPlaces {
  /** What the quantities mean. */
  mode: StockMode;
  /** Place of `sku`. */
  sku: number;
  /** Place of `set_qty` or `add_qty`. */
  qty: number;
  /** Place of `name`. */
  name: number;
  /** Place of `price_cents`. */
  priceCents: number;
  /** Place of `detail`. */
  detail: number;
}

/** A row without a fault. */
export interface StockRow {
  /** The shop's own id of the product. */
  sku: string;
  /** Units. */
  qty: number;
  /** What the product is to be called where it is created; null where the file does not say. */
  name: string | null;
  /** Its price, likewise. */
  priceCents: number | null;
  /** A word for the product's timeline, such as a delivery note's number; null for none. */
  detail: string | null;
}

/** Characters of a value that are repeated in a fault. */
const shownCharacters = 40;

/**
 * Finds the columns in a file's header: in any order and case, among any others.
 *
 * @returns the places, or a sentence saying what is wrong with the header
 */
export function placeStockColumns(header: readonly string[]): StockPlaces | string {
  if (header.length > maxColumns) {
    return `has ${header.length} columns; there may be at most ${maxColumns}`;
  }
  const names = header.map((name) => name.trim().toLowerCase());
  const known = ["sku", "set_qty", "add_qty", "name", "price_cents", "detail"];
  const twice = known.filter((column) => names.indexOf(column) !== names.lastIndexOf(column));
  if (twice.length > 0) return `column ${twice.join(", ")} stands there twice`;
  const hint = header.length === 1 && /[;\t|]/.test(header[0]!)
    ? "; fields must be separated by commas"
    : "";
  if (!names.includes("sku")) return `column sku is missing${hint}`;
  const modes = (["set", "add"] as const).filter((mode) => names.includes(stockModes[mode]));
  if (modes.length === 0) {
    return "a column set_qty (units that are available from now on) or add_qty (units that came in) is missing" +
      hint;
  }
  if (modes.length === 2) return "has both set_qty and add_qty; a file sets units or adds them";
  const mode = modes[0]!;
  return {
    mode,
    sku: names.indexOf("sku"),
    qty: names.indexOf(stockModes[mode]),
    name: names.indexOf("name"),
    priceCents: names.indexOf("price_cents"),
    detail: names.indexOf("detail"),
  };
}

/**
 * Checks every field of a row.
 *
 * @returns the row, or all of its faults: `at` is the column, and what it says repeats the value
 */
export function readStockRow(
  fields: readonly string[],
  places: StockPlaces,
): StockRow | Fault[] {
  const faults: Fault[] = [];
  const check = (at: string, value: string, problem: string | undefined) => {
    if (problem === undefined) return;
    const shown = value === "" ? "" : `${JSON.stringify(cutText(value, shownCharacters))} `;
    faults.push({ at, detail: shown + problem });
  };
  const textAt = (place: number) => (fields[place] ?? "").trim();
  const sku = textAt(places.sku);
  check("sku", sku, idProblem(sku));
  const qty = textAt(places.qty);
  check(stockModes[places.mode], qty, qtyProblem(qty, places.mode));
  const name = textAt(places.name);
  if (name !== "") check("name", name, textProblem(name));
  const price = textAt(places.priceCents);
  if (price !== "") check("price_cents", price, priceProblem(price));
  const detail = textAt(places.detail);
  if (detail !== "") check("detail", detail, textProblem(detail));
  if (faults.length > 0) return faults;
  return {
    sku,
    qty: Number(qty),
    name: name || null,
    priceCents: price === "" ? null : Number(price),
    detail: detail || null,
  };
}

function qtyProblem(text: string, mode: StockMode): string | undefined {
  if (text === "") return "is missing";
  const min = mode === "set" ? 0 : -maxUnits;
  const isWhole = /^[+-]?\d{1,15}$/.test(text);
  const value = isWhole ? Number(text) : NaN;
  if (value >= min && value <= maxUnits) return undefined;
  return `must be an integer ${min}…${maxUnits}: whole units, without separators`;
}

function priceProblem(text: string): string | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value <= orderLimits.unitPriceCents) return undefined;
  return `must be an integer 0…${orderLimits.unitPriceCents}: minor units of the currency (12.50 EUR is 1250)`;
}

/**
 * The lines of SKUs that stand in a file more than once. Units that are set can't be two numbers, so no row of such a
 * SKU is taken; units that are added are all added.
 */
export function repeatedSkus(
  rows: readonly { line: number; sku: string }[],
): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  for (const { sku, line } of rows) {
    const before = lines.get(sku);
    if (before === undefined) lines.set(sku, [line]);
    else before.push(line);
  }
  for (const [sku, those] of lines) if (those.length === 1) lines.delete(sku);
  return lines;
}
