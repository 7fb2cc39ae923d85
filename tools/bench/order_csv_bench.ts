import { placeColumns } from "../../domain/import/csv_columns.ts";
import { type Options, Parser } from "csv-parse";
import { fieldsOf, outlineOf } from "../../domain/import/csv_fields.ts";
import { scanRecords } from "../../domain/import/csv_records.ts";
import { importColumns, readRow } from "../../domain/import/csv_rows.ts";
import { csvLine } from "../../domain/import/csv_text.ts";
import { orderContentHash } from "../../domain/order/content_hash.ts";
import { contentOf } from "../../domain/order/incoming_order.ts";
import { decideOrder } from "../../domain/import/order_csv.ts";
import { rowsOf } from "../orders/order_rows.ts";
import { syntheticOrder } from "../orders/orders_file.ts";

const places = placeColumns(importColumns);
if (typeof places === "string") throw new Error(places);

/** Rows of a thousand orders as they stand in a file. */
const orders = Array.from({ length: 1_000 }, (_, number) => {
  const order = syntheticOrder(number, { orders: 1_000 });
  const rows = rowsOf(order).map((fields, index) => ({ line: number * 5 + index + 2, fields }));
  return { order, rows };
});

const text = orders.flatMap(({ rows }) => rows).map(({ fields }) => csvLine(fields)).join("");

const rowCount = orders.reduce((count, { rows }) => count + rows.length, 0);

Deno.bench("scanRecords() and outlineOf(): the rows of 1,000 orders", () => {
  const scanner = scanRecords((text, from, to, _line, quoted) => {
    outlineOf(text, from, to, quoted, places.external_order_id);
  });
  scanner.push(text);
});

Deno.bench("scanRecords() and fieldsOf(): the rows of 1,000 orders", () => {
  const scanner = scanRecords((text, from, to, _line, quoted) => {
    fieldsOf(text, from, to, quoted);
  });
  scanner.push(text);
});

Deno.bench("csv-parse with info: the rows of 1,000 orders", async () => {
  // All records of the text are taken at once.
  const options = { info: true, readableHighWaterMark: Number.MAX_SAFE_INTEGER };
  const parser = new Parser(options as Options);
  await new Promise<void>((resolve) => parser.write(text, () => resolve()));
  let line = 0;
  for (let record; (record = parser.read()) !== null;) line = record.info.lines;
  // The last one waits for the end of the text.
  if (line < rowCount - 1) throw new Error(`csv-parse has come to line ${line} of ${rowCount}`);
});

Deno.bench("csvLine(): the rows of 1,000 orders", () => {
  for (const { rows } of orders) for (const { fields } of rows) csvLine(fields);
});

Deno.bench("readRow(): the rows of 1,000 orders", () => {
  for (const { rows } of orders) for (const { fields } of rows) readRow(fields, places);
});

Deno.bench("decideOrder(): 1,000 orders", () => {
  for (const { rows } of orders) {
    decideOrder(rows, places, { keepGoodRows: false, latestPlacedAt: "9999" });
  }
});

Deno.bench("orderContentHash(): 1,000 orders", () => {
  for (const { order } of orders) orderContentHash(contentOf(order));
});
