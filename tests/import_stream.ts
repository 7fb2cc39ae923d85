/**
 * Imports a generated file of any size as a dry run:
 * `import_stream.ts DATABASE_URL REDIS_URL PREFIX ROWS all|few`, the last saying which orders are scattered.
 * Prints one line of JSON, `{report, bytes, peakRssBytes}`. A test gives it little memory.
 *
 * @module
 */

import process from "node:process";
import { openDatabase } from "../db/connection/database.ts";
import { importColumns } from "../domain/import/csv_rows.ts";
import { csvLine } from "../domain/import/csv_text.ts";
import { silentLog } from "../domain/operation/log.ts";
import { keysFor } from "../streams/redis/keys.ts";
import { importOrders } from "../streams/imports/orders_import.ts";
import { openRedis } from "../streams/redis/redis.ts";
import { csvOrderFields } from "./csv_orders.ts";

/** Which orders have rows that do not stand together. */
export type Scattered = "all" | "few";

/** Rows of one order stand this many rows apart, where all are scattered. */
const distance = 50_000;

/** One order in so many is scattered where few are: one in every piece of the file. */
const fewEvery = 150;

/** The number of the order that a row is of: three rows each, of the few some two or four. */
function orderOf(row: number, scattered: Scattered): number {
  if (scattered === "all") return Math.floor(row / (3 * distance)) * distance + row % distance;
  const order = Math.floor(row / 3);
  const isApart = row % 3 === 2 && order > 0 && order % fewEvery === 0;
  return isApart ? order - fewEvery : order;
}

/** A CSV file of about 130 bytes a row that exists only piece by piece. */
function generatedCsv(
  rows: number,
  scattered: Scattered,
  onBytes: (bytes: number) => void,
) {
  const encoder = new TextEncoder();
  let next = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const lines = next === 0 ? [csvLine(importColumns)] : [];
      for (const end = Math.min(next + 500, rows); next < end; next++) {
        const order = orderOf(next, scattered);
        lines.push(csvLine(csvOrderFields({
          external_order_id: `order-${order}`,
          customer_id: `customer-number-${order % 5_000}`,
          product_sku: `sku-${next % 2_000}`,
        })));
      }
      const bytes = encoder.encode(lines.join(""));
      onBytes(bytes.length);
      controller.enqueue(bytes);
      if (next === rows) controller.close();
    },
  });
}

if (import.meta.main) {
  const [databaseUrl, redisUrl, prefix, rows, scattered] = process.argv.slice(2) as [
    string,
    string,
    string,
    string,
    Scattered,
  ];
  const db = await openDatabase(databaseUrl);
  const redis = await openRedis(redisUrl);
  let bytes = 0;
  let peakRssBytes = 0;
  const report = await importOrders(
    { db, redis, keys: keysFor(prefix, "EUR"), log: silentLog },
    generatedCsv(Number(rows), scattered, (count) => bytes += count),
    {
      name: "generated",
      initialStock: 50,
      dryRun: true,
      onProgress: () => peakRssBytes = Math.max(peakRssBytes, process.memoryUsage().rss),
    },
  );
  console.log(JSON.stringify({ report, bytes, peakRssBytes }));
  redis.disconnect();
  await db.close();
}
