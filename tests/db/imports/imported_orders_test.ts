import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { findImportedOrders } from "../../../db/imports/imported_orders.ts";
import { createImport } from "../../../db/imports/imports.ts";
import { searchOrders } from "../../../db/orders/order_search.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";

let test: TestContext;
let db: Database;
Deno.test.beforeAll(async () => {
  test = await testContext("imported_orders");
  await migrateTest(test.databaseUrl);
  db = await openDatabase(test.databaseUrl);
  await db.run(
    "insert into customers (external_id, email, name) values ('C', 'c@shop.example', 'C')",
  );
});
Deno.test.afterAll(async () => {
  await db.close();
  await test.close();
});

/** An order that was created so many minutes ago, with gaps between the ids. */
async function addOrder(id: number, minutesAgo: number, actor: string): Promise<void> {
  await db.run(
    `
    insert into orders (id, external_order_id, customer_id, status, currency, total_cents, placed_at,
      content_hash, settled_time, created_at)
    select ?, ?, customers.id, 'PENDING', 'EUR', 100, '2026-01-05 10:00:00', repeat('x', 16),
      '1000-01-01 00:00:00',
      current_timestamp(6) - interval ? minute
    from customers`,
    [id, `O-${id}`, minutesAgo],
  );
  await db.run("insert into order_events (order_id, event, actor) values (?, 'created', ?)", [
    id,
    actor,
  ]);
}

async function addImport(actor: string | undefined, from: number, to: number | null) {
  const id = await createImport(db, "a.csv", { actor });
  await db.run(
    `
    update imports
    set created_at = current_timestamp(6) - interval ? minute,
      finished_at = current_timestamp(6) - interval ? minute
    where id = ?`,
    [from, to, id],
  );
  return { id, actor: actor ?? null };
}

async function found(row: { id: number; actor: string | null }, search = {}): Promise<number[]> {
  const importedBy = await findImportedOrders(db, row);
  const { orders, nextBeforeId } = await searchOrders(db, { ...search, importedBy }, {
    beforeId: undefined,
    limit: 50,
  });
  assert.equal(nextBeforeId, undefined);
  return orders.map(({ id }) => id);
}

Deno.test("the orders of an import are found between those of others", async () => {
  assert.deepEqual(await found(await addImport("api:x", 9, 8)), [], "there is no order at all");
  const first = await addImport("api:shop", 100, 90);
  const second = await addImport(undefined, 95, 80);
  const running = await addImport("api:shop", 5, null);
  const far = await addImport("api:shop", 60, 50);
  let id = 1;
  for (let minute = 200; minute > 0; minute -= 1) {
    const actor = minute <= 98 && minute >= 92
      ? `api:shop import:${first.id}`
      : minute < 92 && minute >= 82
      ? `import:${second.id}`
      : minute <= 4
      ? `api:shop import:${running.id}`
      : "api:shop";
    await addOrder(id, minute, actor);
    id += minute % 7 === 0 ? 500 : 1;
  }
  assert.equal((await found(first)).length, 7);
  assert.equal((await found(second)).length, 10);
  assert.equal((await found(running)).length, 4);
  assert.deepEqual(await found(far), []);
  const [newest] = await found(first);
  assert.deepEqual(await found(first, { text: `O-${newest}` }), [newest]);
  assert.deepEqual(await found(first, { text: "O-1" }), [], "another's");
  assert.deepEqual(await found(first, { status: "PAID" }), []);
  const { fromId, beforeId } = await findImportedOrders(db, first);
  assert.ok(beforeId - fromId < 1_600, "only the ids of its time are looked through");
});
