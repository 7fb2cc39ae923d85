import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { readAdjustmentSums, readOrderLines } from "../../../db/orders/order_lines.ts";
import { recordedKinds } from "../../../domain/order/adjustment.ts";
import { giveMoney } from "../../order_money.ts";
import { storeOrder } from "../../routes/api.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";
import { observeDatabase } from "../connection/observed_database.ts";

let test: TestContext;
let db: Database;
Deno.test.beforeAll(async () => {
  test = await testContext("order_lines");
  await migrateTest(test.databaseUrl);
  db = await openDatabase(test.databaseUrl);
});
Deno.test.afterAll(async () => {
  await db.close();
  await test.close();
});

/** Gives an order more items of one cent each. */
async function addItems(orderId: number, count: number): Promise<void> {
  await db.run(
    `
    insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
    select ?, products.id, 1, 1, 1
    from json_table(?, '$[*]' columns (n int path '$')) j
    straight_join products on products.sku = 'TEA'`,
    [orderId, JSON.stringify(Array.from({ length: count }, (_, n) => n))],
  );
  await db.run("update orders set total_cents = total_cents + ? where id = ?", [count, orderId]);
}

Deno.test("readOrderLines() reads the first lines of many orders by three statements", async () => {
  const plain = await storeOrder(db, { totalCents: 700 });
  const adjusted = await storeOrder(db, { totalCents: 2_400 });
  await giveMoney(db, adjusted, {
    adjustments: [
      { kind: "shipping", label: "Express", amountCents: 490 },
      { kind: "tax", amountCents: 375, included: true },
      { kind: "discount", amountCents: -540 },
    ],
  });
  const { db: watched, sent } = observeDatabase(db);
  const lines = await readOrderLines(watched, [plain, adjusted, plain], { limit: 2 });
  assert.equal(sent.length, 3);
  assert.deepEqual([...lines.keys()].sort((a, b) => a - b), [plain, adjusted]);
  const { items: [item], ...sums } = lines.get(plain)!;
  assert.deepEqual({ ...item, id: 0 }, {
    id: 0,
    sku: "TEA",
    name: "Tea",
    unitPriceCents: 700,
    qty: 1,
    subtotalCents: 700,
  });
  assert.deepEqual(sums, {
    itemCount: 1,
    itemsCents: 700,
    adjustments: [],
    adjustmentCount: 0,
    adjustmentsCents: 0,
  });
  const { adjustments, adjustmentCount, adjustmentsCents, itemsCents } = lines.get(adjusted)!;
  assert.deepEqual(
    adjustments.map(({ kind, label, amountCents, included }) => [
      kind,
      label,
      amountCents,
      included,
    ]),
    [["shipping", "Express", 490, false], ["tax", null, 375, true]],
  );
  assert.deepEqual([adjustmentCount, adjustmentsCents, itemsCents], [3, -50, 2_400]);
  assert.deepEqual(await readOrderLines(db, [], { limit: 2 }), new Map());
});

Deno.test("readOrderLines() reads no more of an order with very many items than it shows", async () => {
  const large = await storeOrder(db, { totalCents: 1_000 });
  await addItems(large, 3_000);
  const { db: watched, sent } = observeDatabase(db);
  const lines = (await readOrderLines(watched, [large], { limit: 20 })).get(large)!;
  assert.deepEqual([lines.items.length, lines.itemCount, lines.itemsCents], [20, 3_001, 4_000]);
  assert.deepEqual(
    lines.items.map(({ id }) => id),
    lines.items.map(({ id }) => id).toSorted((a, b) => a - b),
  );
  const items = sent.find(({ sql }) => sql.includes("unit_price_cents"))!;
  assert.ok(items.walked < 100, `${items.walked} rows were walked through`);
});

Deno.test("every kind of adjustment can be written", async () => {
  const order = await storeOrder(db);
  const adjustments = recordedKinds.map((kind) => ({ kind, amountCents: 0 }));
  await giveMoney(db, order, { adjustments });
  const sums = (await readAdjustmentSums(db, [order])).get(order)!;
  assert.deepEqual(sums.map(({ kind }) => kind).sort(), [...recordedKinds].sort());
});

Deno.test("readAdjustmentSums() adds up by kind, included ones by themselves", async () => {
  const plain = await storeOrder(db);
  const adjusted = await storeOrder(db);
  await giveMoney(db, adjusted, {
    adjustments: [
      { kind: "tax", amountCents: 1 },
      { kind: "tax", amountCents: 2 },
      { kind: "tax", amountCents: 4, included: true },
      { kind: "payment_difference", label: "Accepted", amountCents: -8 },
    ],
  });
  const sums = await readAdjustmentSums(db, [plain, adjusted]);
  assert.deepEqual([...sums.keys()], [adjusted]);
  assert.deepEqual(
    sums.get(adjusted)!.map(({ kind, included, amountCents }) => [kind, included, amountCents])
      .toSorted(),
    [["payment_difference", false, -8], ["tax", false, 3], ["tax", true, 4]],
  );
  assert.deepEqual(await readAdjustmentSums(db, []), new Map());
});
