import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { namedSettings } from "../../../services/imports/import_profiles.ts";
import { type ImportOptions, importOrders } from "../../../streams/imports/orders_import.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { sourceOf } from "../../csv_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";

interface Bench {
  context: TestContext;
  db: Database;
  redis: RedisClient;
  rejects: string;
}

async function withBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  const context = await testContext("pasted_twice");
  await migrateTest(context.databaseUrl);
  const db = await openDatabase(context.databaseUrl);
  const redis = await openRedis(context.redisUrl);
  const folder = await Deno.makeTempDir();
  try {
    await work({ context, db, redis, rejects: `${folder}/rejects.csv` });
  } finally {
    await Deno.remove(folder, { recursive: true });
    redis.disconnect();
    await db.close();
    await context.close();
  }
}

function run(bench: Bench, content: string, options: Partial<ImportOptions> = {}) {
  const keys = keysFor(bench.context.redisPrefix, "EUR");
  const deps = { db: bench.db, redis: bench.redis, keys, log: silentLog };
  return importOrders(deps, sourceOf(content), {
    name: "orders.csv",
    initialStock: 50,
    rejectsPath: bench.rejects,
    ...options,
  });
}

async function booked({ db }: Bench): Promise<Record<string, number>> {
  const rows = await db.query("select external_order_id, total_cents from orders order by id");
  return Object.fromEntries(
    rows.map(({ external_order_id, total_cents }) => [external_order_id, Number(total_cents)]),
  );
}

const header = "external_order_id,order_placed_at,currency,customer_id,customer_email," +
  "customer_name,product_sku,product_name,unit_price_cents,qty";
const row = (id: string, sku: string) =>
  `${id},2026-01-05 10:00:00,EUR,K1,ann@shop.example,Ann,${sku},${sku},1250,1`;
const rows = [row("A", "MUG"), row("A", "POT"), row("B", "MUG"), row("C", "CUP")];

Deno.test("importOrders() books nothing of rows that were pasted twice, and their rejects neither as they are", async () => {
  await withBench(async (bench) => {
    const report = await run(bench, [header, ...rows, ...rows, ""].join("\n"));
    assert.deepEqual([report.orders_rejected, report.orders_new, report.rows_rejected], [3, 0, 8]);
    assert.deepEqual(await booked(bench), {});
    const rejects = await Deno.readTextFile(bench.rejects);
    assert.match(rejects, /stand there more than once.*\(lines 2 and 6\)/);
    assert.match(rejects, /stand there more than once.*\(lines 5 and 9\)/);

    // Orders stand together there, so that a single row and its copy look like two units.
    for (let round = 0; round < 3; round++) {
      const again = await run(bench, await Deno.readTextFile(bench.rejects));
      assert.deepEqual([again.orders_rejected, again.orders_new], [3, 0]);
    }
    assert.deepEqual(await booked(bench), {});

    const mended = rejects.split("\n").filter((line) => !/,[6789],/.test(line)).join("\n");
    assert.equal((await run(bench, mended)).orders_new, 3);
    assert.deepEqual(await booked(bench), { A: 2_500, B: 1_250, C: 1_250 });
  });
});

Deno.test("importOrders() books repeated rows where a setting says that they are meant", async () => {
  await withBench(async (bench) => {
    const settings = await namedSettings(["repeated_rows=items"]);
    const report = await run(bench, [header, ...rows, ...rows, ""].join("\n"), { settings });
    assert.equal(report.orders_new, 3);
    assert.deepEqual(await booked(bench), { A: 5_000, B: 2_500, C: 2_500 });
  });
});

Deno.test("importOrders() takes a row that comes again for a further unit, wherever it stands", async () => {
  await withBench(async (bench) => {
    const report = await run(bench, [header, ...rows, rows[2], row("D", "MUG"), ""].join("\n"));
    assert.equal(report.orders_new, 4);
    assert.deepEqual(await booked(bench), { A: 2_500, C: 1_250, D: 1_250, B: 2_500 });
  });
});

Deno.test("importOrders() takes a row right upon one like it for a further unit", async () => {
  await withBench(async (bench) => {
    const report = await run(bench, [header, rows[2], rows[2], rows[3], ""].join("\n"));
    assert.equal(report.orders_new, 2);
    assert.deepEqual(await booked(bench), { B: 2_500, C: 1_250 });
  });
});
