/**
 * Real orders in any number: the month of sample data again and again, each time under other order ids.
 *
 * @module
 */

import { CsvParseStream } from "@std/csv/parse-stream";
import { placeColumns } from "../../../domain/import/csv_columns.ts";
import { importColumns } from "../../../domain/import/csv_rows.ts";
import { type IncomingOrder, totalCentsOf } from "../../../domain/order/incoming_order.ts";
import { decideOrder } from "../../../domain/import/order_csv.ts";
import type { CsvRow } from "../../../domain/import/csv_rows.ts";
import { rowsOf } from "../../orders/order_rows.ts";

const sampleFile = new URL("../../samples/online-retail-2010-12.csv.gz", import.meta.url);

let sample: Promise<readonly IncomingOrder[]> | undefined;

/** The orders of the sample file that an import accepts, in the order of the file. */
export function sampleOrders(): Promise<readonly IncomingOrder[]> {
  return sample ??= readSample();
}

/** Order number `number` of an endless row of real orders. */
export function nthOrder(orders: readonly IncomingOrder[], number: number): IncomingOrder {
  const order = orders[number % orders.length]!;
  const copy = Math.floor(number / orders.length) + 1;
  return { ...order, externalOrderId: `${copy}-${order.externalOrderId}` };
}

/** True where the simulated gateway pays it. */
export function willBePaid(order: IncomingOrder): boolean {
  return totalCentsOf(order.items) % 2 === 0;
}

/**
 * Writes a CSV file of the first `orders` orders of the endless row.
 *
 * @returns its orders
 */
export async function writeOrdersFile(path: string, orders: number): Promise<IncomingOrder[]> {
  const from = await sampleOrders();
  const written: IncomingOrder[] = [];
  const lines = [importColumns.join(",")];
  for (let number = 0; number < orders; number++) {
    const order = nthOrder(from, number);
    written.push(order);
    for (const fields of rowsOf(order)) {
      lines.push(fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(","));
    }
  }
  await Deno.writeTextFile(path, `${lines.join("\n")}\n`);
  return written;
}

async function readSample(): Promise<IncomingOrder[]> {
  const file = await Deno.open(sampleFile);
  const byOrder = new Map<string, CsvRow[]>();
  let places;
  // Read by another parser than the importer's.
  const records = file.readable
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new CsvParseStream());
  let line = 0;
  for await (const fields of records) {
    line++;
    if (places === undefined) {
      const header = placeColumns(fields);
      if (typeof header === "string") throw new Error(header);
      places = header;
      continue;
    }
    const row: CsvRow = { line, fields };
    const id = fields[places.external_order_id]!;
    const known = byOrder.get(id);
    if (known === undefined) byOrder.set(id, [row]);
    else known.push(row);
  }
  return [...byOrder.values()].flatMap((rows) => {
    const reading = decideOrder(rows, places!, { keepGoodRows: false, latestPlacedAt: "9999" });
    return reading.kind === "accepted" ? [reading.order] : [];
  });
}
