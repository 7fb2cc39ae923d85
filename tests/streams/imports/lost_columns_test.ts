import assert from "node:assert/strict";
import { openDatabase } from "../../../db/connection/database.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { shippedProfiles } from "../../../domain/import/profile/shipped_profiles.ts";
import { namedSettings } from "../../../services/imports/import_profiles.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { sourceOf } from "../../csv_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { testContext } from "../../support.ts";

const etsy = [
  "Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Shipping Discount,Order Shipping," +
  "Order Sales Tax,Currency,Transaction ID,Listing ID,Date Paid,Ship Name,Order ID,SKU",
  "01/25/26,Mug,ann,3,13.01,16.63,0.00,4.90,0.00,EUR,1,77,01/25/26,Ann,3001,MUG",
];

/** The file without one of its columns. */
function without(column: string): string {
  const place = etsy[0]!.split(",").indexOf(column);
  return etsy.map((line) => line.split(",").filter((_, at) => at !== place).join(",")).join("\n");
}

Deno.test("importOrders() books no file that has lost an amount, said yes to or not, and all of one that has it", async () => {
  const context = await testContext("lost_columns");
  await migrateTest(context.databaseUrl);
  const db = await openDatabase(context.databaseUrl);
  const redis = await openRedis(context.redisUrl);
  try {
    const deps = { db, redis, keys: keysFor(context.redisPrefix, "EUR"), log: silentLog };
    const settings = await namedSettings(["time.zone=UTC"]);
    const options = { name: "etsy.csv", initialStock: 50, yes: true, settings };
    const profile = shippedProfiles.get("etsy")!;
    for (const column of ["Discount Amount", "Order Shipping", "Order Sales Tax"]) {
      for (const named of [{ profile }, {}]) {
        await assert.rejects(
          importOrders(deps, sourceOf(without(column)), { ...options, ...named }),
          (error: Error) =>
            error.message.includes(`the column "${column}" is missing`) ||
            error.message.includes(`the column "${column}" or "Order Delivery" is missing`),
        );
      }
    }
    assert.deepEqual(await db.query("select id from orders"), []);
    const report = await importOrders(deps, sourceOf(etsy.join("\n")), { ...options, profile });
    assert.equal(report.orders_new, 1);
    const [order] = await db.query("select total_cents from orders");
    assert.equal(Number(order!.total_cents), 2_730);
  } finally {
    redis.disconnect();
    await db.close();
    await context.close();
  }
});
