/**
 * Imports into a database of their own, for tests of the importer.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import {
  type ImportOptions,
  importOrders,
  type ImportReport,
} from "../../../streams/imports/orders_import.ts";
import { type Keys, keysFor } from "../../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { type CsvOrderRow, sourceOf } from "../../csv_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";

/** What an import works with. */
export interface Bench {
  context: TestContext;
  db: Database;
  redis: RedisClient;
  keys: Keys;
}

/** A database and a Redis prefix with nothing in them. */
export async function withBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  const context = await testContext("orders_import");
  await migrateTest(context.databaseUrl);
  const db = await openDatabase(context.databaseUrl);
  const redis = await openRedis(context.redisUrl);
  try {
    await work({ context, db, redis, keys: keysFor(context.redisPrefix, "EUR") });
  } finally {
    redis.disconnect();
    await db.close();
    await context.close();
  }
}

/** Imports a file with 50 units of each new product. */
export function run(
  bench: Pick<Bench, "db" | "redis" | "keys">,
  content: string | Uint8Array,
  options: Partial<ImportOptions> = {},
): Promise<ImportReport> {
  return importOrders({ ...bench, log: silentLog }, sourceOf(content), {
    name: "orders.csv",
    initialStock: 50,
    ...options,
  });
}

/** The report without what differs from run to run. */
export async function counted(report: Promise<ImportReport>) {
  const { seconds, ...counts } = await report;
  assert.ok(seconds >= 0);
  return counts;
}

/** Counts of an import that did nothing. */
export const nothing = {
  rows: 0,
  rows_rejected: 0,
  orders: 0,
  orders_new: 0,
  orders_updated: 0,
  orders_unchanged: 0,
  orders_rejected: 0,
  orders_conflict: 0,
  published: 0,
};

/** A place for a rejects file, and its lines. */
export async function withRejects(
  work: (path: string, rejects: () => Promise<string[]>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/rejects.csv`;
  try {
    await work(path, async () => (await Deno.readTextFile(path)).trimEnd().split("\n"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Three orders whose rows are mixed, two of them of one customer, one product in all of them. */
export const mixed: CsvOrderRow[] = [
  { external_order_id: "A", customer_id: "1", product_sku: "x", qty: 1, unit_price_cents: 10 },
  { external_order_id: "B", customer_id: "2", product_sku: "x", qty: 2, currency: "gbp" },
  { external_order_id: "A", customer_id: "1", product_sku: "y", qty: 3, unit_price_cents: 7 },
  { external_order_id: "C", customer_id: "1", product_sku: "x", qty: 4 },
  { external_order_id: "B", customer_id: "2", product_sku: "z", qty: 5, currency: "GBP" },
];

const noItem = { product_sku: "", product_name: "", unit_price_cents: "", qty: "" };

/** Rows of which some are bad: orders G (good), H (one bad row of two), I (all bad), none, and J. */
export const faulty: CsvOrderRow[] = [
  { external_order_id: "G", customer_id: "g", product_sku: "g" },
  { external_order_id: "H", customer_id: "h", product_sku: "h1" },
  { external_order_id: "H", customer_id: "h", product_sku: "h2", qty: 0 },
  { external_order_id: "I", customer_id: "i", product_sku: "i", qty: "many", currency: "EU" },
  { ...noItem, external_order_id: "", customer_id: "n" },
  { ...noItem, external_order_id: " ", customer_id: "n" },
  { external_order_id: "J", customer_id: "j", product_sku: "j1" },
  { external_order_id: "J", customer_id: "jj", product_sku: "j2" },
];

/** Of an order that is to be changed and may be by those who say so alone. */
export const knownAsReserved =
  "the order is known with other content and is already RESERVED, which only --replace (replace=true over HTTP) changes";

/** The last field of a line of the rejects file. */
export function reasonOf(line: string): string {
  const [, quoted, plain] = /(?:"([^"]*)"|([^",]*))$/.exec(line)!;
  return quoted ?? plain!;
}
