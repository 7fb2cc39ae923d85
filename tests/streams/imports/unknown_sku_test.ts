import assert from "node:assert/strict";
import { openDatabase } from "../../../db/connection/database.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { addProduct } from "../../../services/catalog/add_product.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { csvOf, sourceOf } from "../../csv_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { testContext } from "../../support.ts";
import { anOperator } from "../../operator.ts";

Deno.test("importOrders() rejects orders whole that name a SKU which is not known, and names it", async () => {
  const context = await testContext("import_unknown_sku");
  await migrateTest(context.databaseUrl);
  const db = await openDatabase(context.databaseUrl);
  const redis = await openRedis(context.redisUrl);
  const folder = await Deno.makeTempDir();
  try {
    const deps = { db, redis, keys: keysFor(context.redisPrefix, "EUR"), log: silentLog };
    await addProduct(deps, { sku: "a", name: "A", priceCents: 100, stockQty: 9 }, {
      operator: anOperator("x"),
    });
    const text = csvOf([
      { external_order_id: "good", customer_id: "1", product_sku: "a" },
      { external_order_id: "bad", customer_id: "2", product_sku: "a" },
      { external_order_id: "bad", customer_id: "2", product_sku: "MGU" },
      { external_order_id: "faulty", customer_id: "3", product_sku: "a", qty: 0 },
      { external_order_id: "faulty", customer_id: "3", product_sku: "MGU" },
    ]);
    const options = {
      name: "orders.csv",
      initialStock: 50,
      unknownSku: "reject",
      keepGoodRows: true,
      rejectsPath: `${folder}/rejects.csv`,
    } as const;
    const trial = await importOrders(deps, sourceOf(text), {
      ...options,
      rejectsPath: undefined,
      dryRun: true,
    });
    assert.deepEqual([trial.orders_new, trial.orders_rejected, trial.rows_rejected], [1, 2, 4]);
    assert.equal(trial.money![0]!.orders, 1);
    const { seconds: _, ...report } = await importOrders(deps, sourceOf(text), options);
    assert.deepEqual(report, {
      rows: 5,
      rows_rejected: 4,
      orders: 3,
      orders_new: 1,
      orders_updated: 0,
      orders_unchanged: 0,
      orders_rejected: 2,
      orders_conflict: 0,
      published: 1,
    });
    const rejects = (await Deno.readTextFile(options.rejectsPath)).trimEnd().split("\n").slice(1);
    const reasons = rejects.map((line) =>
      /,(\d+),("?(?:another|product_sku|qty).*)$/.exec(line)!.slice(1)
    );
    assert.deepEqual(reasons.map(([line]) => line), ["3", "4", "5", "6"]);
    assert.match(reasons[0]![1]!, /another row of the order names a product .* \(line 4\)/);
    assert.match(reasons[1]![1]!, /product_sku: there is no such product .*MGU/);
    const products = await db.query("select sku from products");
    assert.deepEqual(products.map(({ sku }) => sku), ["a"]);
    const customers = await db.query("select external_id from customers");
    assert.deepEqual(customers.map((row) => row.external_id), ["1"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
    redis.disconnect();
    await db.close();
    await context.close();
  }
});
