/**
 * The importer, end to end.
 *
 * @module
 */

import { join } from "node:path";
import { type CpuSeconds, startCpuMeter } from "./cpu.ts";
import { ampleStock } from "../orders/order_rows.ts";
import { type OrdersOptions, writeOrdersFile } from "../orders/orders_file.ts";
import { type Deployment, runTask, type Stage } from "./stage.ts";

/** A CSV file of synthetic orders. */
export interface OrdersFile {
  path: string;
  orders: number;
  rows: number;
}

/** What importing one file took. */
export interface ImportRun {
  /** The whole process, from its start to its end. */
  seconds: number;
  cpu: CpuSeconds;
  peakBytes: number;
}

/** Writes the file, outside of what is timed. */
export async function makeOrdersFile(
  { dir }: Stage,
  options: OrdersOptions,
): Promise<OrdersFile> {
  const kind = options.adjusted ? "adjusted_orders" : "orders";
  const path = join(dir, `${kind}_${options.seed ?? 1}_${options.orders}.csv`);
  return { path, orders: options.orders, rows: await writeOrdersFile(path, options) };
}

/**
 * Imports a file by the command: parse, validate, upsert, totals, publish.
 *
 * @param more arguments
 * @throws {Error} unless every order was new and was published
 */
export async function runImport(
  { engines }: Stage,
  deployment: Deployment,
  file: OrdersFile,
  more: readonly string[] = [],
): Promise<ImportRun> {
  const meter = await startCpuMeter({
    database: engines.database.pid,
    redis: engines.redis.pid,
  });
  const { seconds, stdout, peakBytes } = await runTask(deployment, "import", [
    file.path,
    `--initial-stock=${ampleStock}`,
    "--json",
    ...more,
  ]);
  const cpu = await meter.read();
  const report = JSON.parse(stdout.trim().split("\n").at(-1)!);
  for (const count of ["orders_new", "published"]) {
    if (report[count] !== file.orders) {
      throw new Error(`The import has ${count} ${report[count]} of ${file.orders} orders`);
    }
  }
  return { seconds, cpu, peakBytes };
}
