import assert from "node:assert/strict";
import { emptyCatalog } from "../../../db/catalog/catalog.ts";
import { type Database, openDatabase, toInteger } from "../../../db/connection/database.ts";
import { withKeptParents } from "../../../db/connection/kept_parents.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";
import { anOrder } from "../../workflow.ts";

let context: TestContext;
let db: Database;

Deno.test.beforeAll(async () => {
  context = await testContext("kept_parents");
  await migrateTest(context.databaseUrl);
  db = await openDatabase(context.databaseUrl, { connections: 1 });
});
Deno.test.afterAll(async () => {
  await db.close();
  await context.close();
});

const options = { initialStock: 50, onPendingChange: "update", actor: "test" } as const;
const insert = `
  insert into order_events (order_id, event, actor)
  values (?, 'created', 'test')`;
const noParent = { errno: 1452 };

Deno.test("withKeptParents() goes for its statement alone, prepared and as text", async () => {
  const kept = withKeptParents(db.engine, insert);
  for (const how of ["run", "runText"] as const) {
    await assert.rejects(
      db.transaction(async (tx) => {
        const { affectedRows, insertId } = await tx[how](kept, [4_000_000]);
        assert.deepEqual([affectedRows, insertId > 0], [1, true]);
        await assert.rejects(tx[how](insert, [4_000_001]), noParent);
        throw new Error("undone");
      }),
      /undone/,
    );
    await assert.rejects(db[how](insert, [4_000_001]), noParent);
  }
  const [row] = await db.query("select count(*) as n from order_events");
  assert.equal(toInteger(row!.n), 0);
});

Deno.test("takeOrders() writes nothing of orders one of whose products is gone", async () => {
  const catalog = emptyCatalog();
  await takeOrders(db, [anOrder("K-1", [{ sku: "gone", qty: 1 }])], { ...options, catalog });
  for (const table of ["order_items", "stock_movements", "products"]) {
    await db.query(`delete from ${table}`);
  }
  const two = [anOrder("K-2", [{ sku: "gone", qty: 1 }]), anOrder("K-3", [{ sku: "new", qty: 1 }])];
  await assert.rejects(takeOrders(db, two, { ...options, catalog }), /1 of 2 products are gone/);
  const orders = await db.query("select external_order_id as id from orders");
  assert.deepEqual(orders.map(({ id }) => id), ["K-1"]);
  const [row] = await db.query("select count(*) as n from order_items");
  assert.equal(toInteger(row!.n), 0);
});
