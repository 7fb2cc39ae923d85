/**
 * How the rows of an import file become orders, whatever form the file has.
 *
 * @module
 */

import type { ColumnPlaces, CsvRow } from "../../domain/import/csv_rows.ts";
import {
  type DecideOptions,
  decideOrder,
  decideOrderStepwise,
  type OrderReading,
} from "../../domain/import/order_csv.ts";
import type { SkippedOrder } from "../../domain/import/profile/map_order.ts";
import { orderIdOf } from "./row_form.ts";

/** What becomes of the rows of an order. */
export type FormReading = OrderReading | SkippedOrder;

/** How the rows of a file become orders. */
export interface OrderForm {
  /** The id of a row's order; "" for none. */
  idOf(row: CsvRow): string;
  /** Decides on all rows of one order, or one row that has none. */
  decide(rows: readonly CsvRow[], options: DecideOptions): FormReading;
  /** The same with breaks, because an order may have very many rows. */
  steps(rows: readonly CsvRow[], options: DecideOptions): Generator<void, FormReading>;
  /** What a row names as its product, and the column in which it does. */
  skuOf(row: CsvRow): string;
  skuColumn: string;
}

/** The form of files in this product's own columns. */
export function nativeForm(places: ColumnPlaces): OrderForm {
  return {
    idOf: (row) => orderIdOf(row, places),
    decide: (rows, options) => decideOrder(rows, places, options),
    steps: (rows, options) => decideOrderStepwise(rows, places, options),
    skuOf: ({ fields }) => (fields[places.product_sku] ?? "").trim(),
    skuColumn: "product_sku",
  };
}
