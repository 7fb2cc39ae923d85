/**
 * Synthetic orders, the same ones in every run: order number 17 of a seed never changes.
 *
 * @module
 */

import { databaseTime } from "../../domain/database_time.ts";
import { importColumns } from "../../domain/import/csv_rows.ts";
import type { IncomingItem, IncomingOrder } from "../../domain/order/incoming_order.ts";
import { randomFrom } from "./random.ts";

/** What the orders are like. */
export interface OrdersOptions {
  orders: number;
  /** Default 1. */
  seed?: number;
  /** Products in the catalogue; default 1,000. */
  products?: number;
  /** Share of orders with an odd total, which the simulated gateway declines; default 0.05. */
  declinedShare?: number;
  /** Each order has two adjustments, of even amounts, which change nobody's mind about paying. */
  adjusted?: boolean;
}

/** The further columns of {@linkcode OrdersOptions.adjusted}. */
const adjustmentColumns = ["shipping_cents", "tax_cents"];

/** One in so many products has an odd price; only orders that are to be declined hold one. */
const oddEvery = 20;

/** Orders to a customer on average. */
const ordersPerCustomer = 5;

/** Orders to one piece of the file. */
const ordersPerChunk = 1_000;

/** The first order's moment; each one after it is placed 7 seconds later. */
const firstPlacedAtMs = Date.UTC(2025, 0, 1);

/**
 * Writes the CSV file that the importer reads: three rows an order on average, the rows of an order
 * together, a third of the names in quotes.
 *
 * @returns how many rows it has, the header not counted
 */
export async function writeOrdersFile(path: string, options: OrdersOptions): Promise<number> {
  let rows = 0;
  const encoder = new TextEncoder();
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const columns = [...importColumns, ...(options.adjusted ? adjustmentColumns : [])];
  await writer.write(encoder.encode(`${columns.join(",")}\r\n`));
  for (let first = 0; first < options.orders; first += ordersPerChunk) {
    let text = "";
    for (let number = first; number < Math.min(first + ordersPerChunk, options.orders); number++) {
      const order = syntheticOrder(number, options);
      const { externalOrderId, placedAt, currency, customer } = order;
      const adjustments = options.adjusted ? `,490,${200 + 2 * (number % 100)}` : "";
      for (const { sku, name, unitPriceCents, qty } of order.items) {
        text += `${externalOrderId},${placedAt},${currency},${customer.externalId},` +
          `${customer.email},${customer.name},${sku},${
            csvField(name)
          },${unitPriceCents},${qty}${adjustments}\r\n`;
        rows++;
      }
    }
    await writer.write(encoder.encode(text));
  }
  // A file that is closed in any other way may lose what was written last.
  await writer.close();
  return rows;
}

/**
 * One order: one to five items, three on average.
 *
 * @param number from 0
 */
export function syntheticOrder(number: number, options: OrdersOptions): IncomingOrder {
  const { seed = 1, products = 1_000, declinedShare = 0.05 } = options;
  const random = randomFrom(seed * 1_000_003 + number).fraction;
  const declined = random() < declinedShare;
  const items: IncomingItem[] = [];
  for (let left = 1 + Math.floor(random() * 5); left > 0; left--) {
    const product = Math.floor(random() * products);
    const isOdd = product % oddEvery === 0;
    items.push(item(isOdd ? (product + 1) % products : product, 1 + Math.floor(random() * 4)));
  }
  // A single unit at an odd price makes the total odd.
  if (declined) {
    items[0] = item(Math.floor(random() * Math.ceil(products / oddEvery)) * oddEvery, 1);
  }
  const customers = Math.max(1, Math.ceil(options.orders / ordersPerCustomer));
  const customer = Math.floor(random() * customers);
  return {
    externalOrderId: `B${seed}-${String(number).padStart(8, "0")}`,
    placedAt: databaseTime(firstPlacedAtMs + number * 7_000),
    currency: "EUR",
    customer: {
      externalId: `C${customer}`,
      email: `customer.${customer}@example.com`,
      name: `Customer Number ${customer}`,
    },
    items,
  };
}

function item(product: number, qty: number): IncomingItem {
  const isOdd = product % oddEvery === 0;
  return {
    sku: `SKU-${String(product).padStart(6, "0")}`,
    name: product % 3 === 0 ? `Lantern, hanging, no. ${product}` : `Tea towel no. ${product}`,
    unitPriceCents: 200 + (product % 500) * 2 + (isOdd ? 1 : 0),
    qty,
  };
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
