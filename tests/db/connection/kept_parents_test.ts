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

Deno.test("takeOrders() looks products up again that are gone, as where another database has taken the place of this one", async () => {
  const catalog = emptyCatalog();
  await takeOrders(db, [anOrder("K-1", [{ sku: "gone", qty: 1 }])], { ...options, catalog });
  for (const table of ["order_items", "stock_movements", "products"]) {
    await db.query(`delete from ${table}`);
  }
  const two = [anOrder("K-2", [{ sku: "gone", qty: 1 }]), anOrder("K-3", [{ sku: "new", qty: 1 }])];
  const taken = await takeOrders(db, two, { ...options, catalog });
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["new", "new"]);
  const items = await db.query(`
    select external_order_id as id, sku
    from order_items
    join orders on orders.id = order_items.order_id
    join products on products.id = order_items.product_id
    order by external_order_id`);
  assert.deepEqual(items.map(({ id, sku }) => [id, sku]), [["K-2", "gone"], ["K-3", "new"]]);
});
