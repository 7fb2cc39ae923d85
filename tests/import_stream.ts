/**
 * Imports a generated file of any size as a dry run: `import_stream.ts DATABASE_URL REDIS_URL PREFIX ROWS`.
 * Prints one line of JSON, `{report, bytes, peakRssBytes}`. A test gives it little memory.
 *
 * @module
 */

import { openDatabase } from "../db/database.ts";
import { importColumns } from "../domain/csv_columns.ts";
import { csvLine } from "../domain/csv_text.ts";
import { silentLog } from "../domain/log.ts";
import { keysFor } from "../streams/keys.ts";
import { importOrders } from "../streams/orders_import.ts";
import { openRedis } from "../streams/redis.ts";
import { csvOrderFields } from "./csv_orders.ts";

/** Rows of one order stand this many rows apart. */
const distance = 50_000;

/** A CSV file of about 130 bytes a row that exists only piece by piece. */
export function generatedCsv(rows: number, onBytes: (bytes: number) => void) {
  const encoder = new TextEncoder();
  let next = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const lines = next === 0 ? [csvLine(importColumns)] : [];
      for (const end = Math.min(next + 500, rows); next < end; next++) {
        const order = Math.floor(next / (3 * distance)) * distance + next % distance;
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
  const [databaseUrl, redisUrl, prefix, rows] = Deno.args as [string, string, string, string];
  const db = await openDatabase(databaseUrl);
  const redis = await openRedis(redisUrl);
  let bytes = 0;
  let peakRssBytes = 0;
  const report = await importOrders(
    { db, redis, keys: keysFor(prefix, "EUR"), log: silentLog },
    generatedCsv(Number(rows), (count) => bytes += count),
    {
      name: "generated",
      initialStock: 50,
      dryRun: true,
      onProgress: () => peakRssBytes = Math.max(peakRssBytes, Deno.memoryUsage().rss),
    },
  );
  console.log(JSON.stringify({ report, bytes, peakRssBytes }));
  redis.disconnect();
  await db.close();
}
