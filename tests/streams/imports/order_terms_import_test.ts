import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { type ImportOptions, importOrders } from "../../../streams/imports/orders_import.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { contentsOf, csvOf, type CsvOrderRow, sourceOf } from "../../csv_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";

interface Bench {
  context: TestContext;
  db: Database;
  redis: RedisClient;
}

/** A database and a Redis prefix with nothing in them. */
async function withBench(work: (bench: Bench, path: string) => Promise<void>): Promise<void> {
  const context = await testContext("order_terms_import");
  await migrateTest(context.databaseUrl);
  const db = await openDatabase(context.databaseUrl);
  const redis = await openRedis(context.redisUrl);
  const folder = await Deno.makeTempDir();
  try {
    await work({ context, db, redis }, `${folder}/rejects.csv`);
  } finally {
    await Deno.remove(folder, { recursive: true });
    redis.disconnect();
    await db.close();
    await context.close();
  }
}

function run({ context, db, redis }: Bench, content: string, options: Partial<ImportOptions> = {}) {
  const keys = keysFor(context.redisPrefix, "EUR");
  return importOrders({ db, redis, keys, log: silentLog }, sourceOf(content), {
    name: "orders.csv",
    initialStock: 50,
    ...options,
  });
}

/** Orders of 2.00 an item with something of everything. */
const rows: CsvOrderRow[] = [
  { external_order_id: "A", shipping_cents: 490, discount_cents: 540, order_total_cents: 350 },
  {
    external_order_id: "B",
    customer_id: "",
    customer_email: "Ann@Guest.example",
    customer_name: "Ann",
  },
  { external_order_id: "A", product_sku: "b", tax_cents: 30, tax_included: "yes", language: "de" },
  { external_order_id: "C", customer_id: "", customer_email: "", customer_name: "Till" },
  {
    external_order_id: "B",
    payment_status: "paid",
    payment_provider: "PayPal",
    customer_id: "",
    customer_email: "Ann@Guest.example",
    customer_name: "Ann",
    payment_reference: "PP-1",
  },
  { external_order_id: "D", discount_cents: 200, payment_status: "none" },
];

Deno.test("importOrders() takes adjustments, payments, guests and languages from rows that are scattered", () =>
  withBench(async (bench) => {
    const report = await run(bench, csvOf(rows));
    assert.deepEqual([report.orders_new, report.orders_rejected, report.published], [4, 0, 4]);
    const books = await contentsOf(bench.db);
    assert.deepEqual(books.adjustments, [
      "A|discount||-540|0",
      "A|shipping||490|0",
      "A|tax||30|1",
      "D|discount||-200|0",
    ]);
    assert.deepEqual(books.payments, ["B|paypal|PP-1|"]);
    const orders = books.orders!.map((row) => String(row).split("|"));
    assert.deepEqual(
      orders.map(([id, customer, , , total, , , name, email, status, language]) => [
        id,
        customer,
        total,
        name,
        email,
        status,
        language,
      ]),
      [
        ["A", "customer", "350", "Customer customer", "customer@example.com", "due", "de"],
        [
          "B",
          "guest:ann@guest.example",
          "400",
          "Ann",
          "Ann@Guest.example",
          "paid",
          "",
        ],
        ["C", "guest:C", "200", "Till", "", "due", ""],
        ["D", "customer", "0", "Customer customer", "customer@example.com", "none", ""],
      ],
    );
    const again = await run(bench, csvOf(rows.toReversed()));
    assert.deepEqual([again.orders_unchanged, again.published], [4, 0]);
    assert.deepEqual(await contentsOf(bench.db), books);
  }));

Deno.test("importOrders() gives the rejects file with all columns, and takes it once it is mended", () =>
  withBench(async (bench, path) => {
    const wrong: CsvOrderRow[] = [
      {
        external_order_id: "A",
        shipping_cents: 490,
        discount_cents: "-540",
        order_total_cents: 150,
      },
      { external_order_id: "A", product_sku: "b", payment_reference: "=R", payment_status: "paid" },
      { external_order_id: "B", shipping_cents: 490, order_total_cents: 350 },
      { external_order_id: "C", shipping_cents: 100 },
    ];
    const report = await run(bench, csvOf(wrong), { rejectsPath: path });
    assert.deepEqual(
      [report.orders, report.orders_new, report.orders_rejected, report.rows_rejected],
      [3, 1, 2, 3],
    );
    const rejects = await Deno.readTextFile(path);
    const [header, first, second, third] = rejects.split("\n");
    assert.match(header!, /shipping_cents.*order_total_cents.*payment_status.*payment_reference/);
    assert.match(first!, /discount_cents: -540: write 540, which is what is taken off/);
    assert.match(second!, /another row of the order is bad \(line 2\)/);
    assert.match(third!, /items 2\.00 \+ shipping 4\.90 = 6\.90, the file says 3\.50/);
    const mended = rejects.replace("'-540", "540").replace(/,150,/, ",350,").replace(
      /,350(,[^\n]*says)/,
      ",690$1",
    );
    assert.notEqual(mended, rejects);
    const taken = await run(bench, mended, { rejectsPath: path });
    assert.deepEqual(
      [taken.orders_new, taken.rows_rejected],
      [2, 0],
      await Deno.readTextFile(path),
    );
    const books = await contentsOf(bench.db);
    assert.deepEqual(books.payments, ["A|external|=R|"]);
    assert.deepEqual(books.adjustments, [
      "A|discount||-540|0",
      "A|shipping||490|0",
      "B|shipping||490|0",
      "C|shipping||100|0",
    ]);
  }));

Deno.test("importOrders() tells the money of a dry run with what is added and taken off", () =>
  withBench(async (bench) => {
    const report = await run(bench, csvOf(rows), { dryRun: true });
    assert.deepEqual(report.money, [{
      currency: "EUR",
      orders: 4,
      sum_cents: 950,
      smallest_cents: 0,
      median_cents: 275,
      largest_cents: 400,
    }]);
    assert.deepEqual((await contentsOf(bench.db)).orders, []);
  }));

Deno.test("importOrders() lists an order among the rejects whose payment another has", () =>
  withBench(async (bench, path) => {
    const twice = ["A", "B"].map((external_order_id): CsvOrderRow => ({
      external_order_id,
      payment_status: "paid",
      payment_reference: "R",
    }));
    const report = await run(bench, csvOf(twice), { rejectsPath: path });
    assert.deepEqual(
      [report.orders_new, report.orders_conflict, report.rows_rejected, report.published],
      [1, 1, 1, 1],
    );
    assert.match(
      await Deno.readTextFile(path),
      /the payment that the order names belongs to another order \(A\)/,
    );
  }));

Deno.test("importOrders() takes no adjustment away from a pending order unless it is to replace it", () =>
  withBench(async (bench, path) => {
    await run(bench, csvOf([{ shipping_cents: 490 }]));
    const less = await run(bench, csvOf([{}]), { rejectsPath: path });
    assert.equal(less.orders_conflict, 1);
    assert.match(await Deno.readTextFile(path), /only --replace/);
    assert.equal((await run(bench, csvOf([{}]), { replace: true })).orders_updated, 1);
    assert.deepEqual((await contentsOf(bench.db)).adjustments, []);
  }));
