/**
 * Files of orders to begin with: one to look at, and one to fill in.
 *
 * @module
 */

import { importColumns } from "./csv_rows.ts";
import { csvLine } from "./csv_text.ts";

/** What the orders of an example are told. */
export interface ExampleFacts {
  /** ISO 4217. */
  currency: string;
  /** When they were placed, ISO 8601. */
  placedAt: string;
}

/** One item of an order. */
type Item = readonly [sku: string, name: string, unitPriceCents: number, qty: number];

const mug: Item = ["MUG-1", "Mug, blue", 1_250, 2];
const plate: Item = ["PLATE-1", "Plate, large", 1_800, 4];
const bowl: Item = ["BOWL-1", "Bowl", 950, 2];
const jug: Item = ["JUG-1", "Jug, one litre", 2_499, 1];

/** Orders of the demo file. The simulated provider declines odd totals, so the one with the jug fails. */
const demoOrders: readonly (readonly [customer: string, items: readonly Item[]])[] = [
  ["Ada", [mug]],
  ["Ben", [plate, bowl]],
  ["Cleo", [bowl]],
  ["Ada", [plate]],
  ["Dan", [jug]],
  ["Eve", [mug, plate, bowl]],
];

/** Six orders of four products, of which the simulated provider declines one. */
export function demoCsv(facts: ExampleFacts): string {
  const rows = demoOrders.flatMap(([customer, items], index) =>
    items.map((item) => exampleRow(`demo-${index + 1}`, customer, item, facts))
  );
  return fileOf(rows);
}

/** The header, and two orders that show what the columns hold: the first has two items, each in a row of its own. */
export function templateCsv(facts: ExampleFacts): string {
  return fileOf([
    exampleRow("order-1", "Ada", mug, facts),
    exampleRow("order-1", "Ada", plate, facts),
    exampleRow("order-2", "Ben", bowl, facts),
  ]);
}

function exampleRow(
  id: string,
  customer: string,
  [sku, name, unitPriceCents, qty]: Item,
  { currency, placedAt }: ExampleFacts,
): Record<string, string | number> {
  const email = `${customer.toLowerCase()}@example.com`;
  return {
    external_order_id: id,
    order_placed_at: placedAt,
    currency,
    customer_id: email,
    customer_email: email,
    customer_name: customer,
    product_sku: sku,
    product_name: name,
    unit_price_cents: unitPriceCents,
    qty,
  };
}

function fileOf(rows: readonly Record<string, string | number>[]): string {
  const lines = rows.map((row) => csvLine(importColumns.map((column) => row[column] ?? "")));
  return csvLine(importColumns) + lines.join("");
}

/** One order as the API takes it, as JSON to paste behind `curl -d`; its id is none of the template's. */
export function exampleOrder({ currency, placedAt }: ExampleFacts): string {
  const [sku, name, unit_price_cents, qty] = mug;
  const order = {
    external_order_id: "order-3",
    placed_at: placedAt,
    currency,
    customer: { external_id: "ada", email: "ada@example.com", name: "Ada" },
    items: [{ sku, name, unit_price_cents, qty }],
  };
  return JSON.stringify(order, null, 2);
}
