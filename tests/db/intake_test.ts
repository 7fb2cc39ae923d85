import assert from "node:assert/strict";
import { emptyCatalog, writeDescriptions } from "../../db/catalog.ts";
import { type Database, openDatabase } from "../../db/database.ts";
import { type TakeOptions, takeOrders } from "../../db/intake.ts";
import { migrate } from "../../db/migrate.ts";
import type { IncomingOrder } from "../../domain/incoming_order.ts";
import { type TestContext, testContext } from "../support.ts";

const options: TakeOptions = { initialStock: 50, onPendingChange: "update", actor: "test" };

let context: TestContext;
let db: Database;
let count = 0;

Deno.test.beforeAll(async () => {
  context = await testContext("intake");
  await migrate(context.databaseUrl);
  db = await openDatabase(context.databaseUrl);
});
Deno.test.afterAll(async () => {
  await db.close();
  await context.close();
});

/** An order of its own: ids, customer and products that no other test has. */
function newOrder(change: Partial<IncomingOrder> = {}): IncomingOrder {
  const n = ++count;
  return {
    externalOrderId: `order-${n}`,
    placedAt: "2010-12-01 08:26:00.000",
    currency: "EUR",
    customer: { externalId: `customer-${n}`, email: `c${n}@example.com`, name: `Customer ${n}` },
    items: [
      { sku: `sku-${n}-a`, name: "Lantern", unitPriceCents: 339, qty: 6 },
      { sku: `sku-${n}-b`, name: "Hanger", unitPriceCents: 275, qty: 8 },
    ],
    ...change,
  };
}

async function orderRow(externalOrderId: string) {
  const [row] = await db.query(
    `select o.id, o.status, o.currency, o.total_cents, o.placed_at, o.unfinished,
       c.external_id, c.email, c.name
     from orders o join customers c on c.id = o.customer_id where o.external_order_id = ?`,
    [externalOrderId],
  );
  return row;
}

async function itemsOf(orderId: number) {
  const rows = await db.query(
    `select p.sku, i.unit_price_cents, i.qty, i.subtotal_cents
     from order_items i join products p on p.id = i.product_id where i.order_id = ? order by i.id`,
    [orderId],
  );
  return rows.map(({ sku, unit_price_cents, qty }) => [sku, Number(unit_price_cents), qty]);
}

async function eventsOf(orderId: number) {
  const rows = await db.query(
    "select event, actor from order_events where order_id = ? order by id",
    [orderId],
  );
  return rows.map(({ event, actor }) => `${event} by ${actor}`);
}

async function product(sku: string) {
  const [row] = await db.query(
    "select name, price_cents, stock_qty, received_qty from products where sku = ?",
    [sku],
  );
  return row &&
    Object.values(row).map((value) => typeof value === "string" ? value : Number(value));
}

Deno.test("takeOrders() writes new orders with customer, products, items in order and timeline", async () => {
  const orders = [newOrder(), newOrder({ currency: "GBP" })];
  const taken = await takeOrders(db, orders, options);
  for (const [index, order] of orders.entries()) {
    const row = (await orderRow(order.externalOrderId))!;
    assert.deepEqual(taken[index], {
      externalOrderId: order.externalOrderId,
      orderId: row.id,
      outcome: "new",
      status: "PENDING",
      totalCents: 339 * 6 + 275 * 8,
      currency: order.currency,
    });
    assert.equal(row.placed_at, "2010-12-01 08:26:00.000000");
    assert.equal(row.email, order.customer.email);
    assert.deepEqual(
      await itemsOf(taken[index]!.orderId!),
      order.items.map(({ sku, unitPriceCents, qty }) => [sku, unitPriceCents, qty]),
    );
    assert.deepEqual(await eventsOf(taken[index]!.orderId!), ["created by test"]);
    assert.deepEqual(await product(order.items[0]!.sku), ["Lantern", 339, 50, 50]);
  }
});

Deno.test("takeOrders() keeps every character of texts", async () => {
  const name = 'Zoë "Q" O\'Neil\\ \n\t😀 \u2028 <b>&amp;</b> %s ? $1';
  const order = newOrder({ customer: { externalId: "c'\"\\😀", email: "a+b@x", name } });
  order.items[0] = { sku: "s'\"\\😀", name, unitPriceCents: 0, qty: 1_000_000 };
  await takeOrders(db, [order], options);
  const row = (await orderRow(order.externalOrderId))!;
  assert.deepEqual([row.external_id, row.name], ["c'\"\\😀", name]);
  assert.deepEqual((await product("s'\"\\😀"))![0], name);
});

Deno.test("takeOrders() tells ids apart by case and accent", async () => {
  const orders = ["Case-é", "case-é", "case-e"].map((externalOrderId) =>
    newOrder({ externalOrderId })
  );
  const taken = await takeOrders(db, orders, options);
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["new", "new", "new"]);
  assert.equal(new Set(taken.map(({ orderId }) => orderId)).size, 3);
});

Deno.test("takeOrders() leaves a known order and its stock alone when nothing changed", async () => {
  const order = newOrder();
  const [first] = await takeOrders(db, [order], options);
  await db.run("update products set stock_qty = 7 where sku = ?", [order.items[0]!.sku]);
  const swapped = { ...order, items: [...order.items].reverse() };
  const [again] = await takeOrders(db, [swapped], { ...options, initialStock: 99 });
  assert.deepEqual(again, { ...first, outcome: "unchanged" });
  assert.deepEqual(await eventsOf(first!.orderId!), ["created by test"]);
  assert.deepEqual((await product(order.items[0]!.sku))!.slice(2), [7, 50]);
});

Deno.test("takeOrders() replaces what a pending order says", async () => {
  const order = newOrder();
  const [first] = await takeOrders(db, [order, newOrder()], options);
  const changed: IncomingOrder = {
    ...order,
    placedAt: "2010-12-02 00:00:00.123",
    currency: "USD",
    customer: { externalId: `${order.customer.externalId}-new`, email: "n@example.com", name: "N" },
    items: [order.items[1]!, {
      sku: `${order.externalOrderId}-c`,
      name: "C",
      unitPriceCents: 1,
      qty: 2,
    }],
  };
  const [again] = await takeOrders(db, [changed], { ...options, actor: "other" });
  assert.equal(again!.outcome, "updated");
  assert.equal(again!.orderId, first!.orderId);
  const row = (await orderRow(order.externalOrderId))!;
  assert.deepEqual(
    [row.placed_at, row.currency, Number(row.total_cents), row.external_id],
    ["2010-12-02 00:00:00.123000", "USD", 2202, changed.customer.externalId],
  );
  assert.deepEqual(
    await itemsOf(first!.orderId!),
    changed.items.map(({ sku, unitPriceCents, qty }) => [sku, unitPriceCents, qty]),
  );
  assert.deepEqual(await eventsOf(first!.orderId!), ["created by test", "updated by other"]);
  const [third] = await takeOrders(db, [changed], options);
  assert.equal(third!.outcome, "unchanged");
});

for (
  const [status, settledAt] of [["RESERVED", "1000-01-01"], ["PAID", "2010-12-02"], [
    "CANCELLED",
    "2010-12-02",
  ]]
) {
  Deno.test(`takeOrders() calls another content of a ${status} order a conflict and leaves it alone`, async () => {
    const order = newOrder();
    const [first] = await takeOrders(db, [order], options);
    await db.run("update orders set status = ?, settled_time = ? where id = ?", [
      status!,
      settledAt!,
      first!.orderId!,
    ]);
    const changed = {
      ...order,
      customer: { ...order.customer, email: "changed@example.com" },
      items: [{ sku: `${order.externalOrderId}-x`, name: "X", unitPriceCents: 1, qty: 1 }],
    };
    const [again] = await takeOrders(db, [changed], options);
    assert.deepEqual([again!.outcome, again!.status], ["conflict", status]);
    assert.equal((await orderRow(order.externalOrderId))!.email, order.customer.email);
    assert.equal((await itemsOf(first!.orderId!)).length, 2);
    assert.equal(await product(`${order.externalOrderId}-x`), undefined);
    const [same] = await takeOrders(db, [order], options);
    assert.deepEqual([same!.outcome, same!.status], ["unchanged", status]);
  });
}

Deno.test("takeOrders() calls another content a conflict where pending orders must not change", async () => {
  const order = newOrder();
  await takeOrders(db, [order], options);
  const changed = { ...order, currency: "USD" };
  const [again] = await takeOrders(db, [changed], { ...options, onPendingChange: "conflict" });
  assert.equal(again!.outcome, "conflict");
  assert.equal((await orderRow(order.externalOrderId))!.currency, "EUR");
});

Deno.test("takeOrders() changes nothing in a dry run", async () => {
  const [known, changing, fresh] = [newOrder(), newOrder(), newOrder()];
  await takeOrders(db, [known, changing], options);
  const counts = () =>
    db.query(
      `select (select count(*) from orders) o, (select count(*) from products) p,
         (select count(*) from customers) c, (select count(*) from order_events) e`,
    );
  const before = await counts();
  const taken = await takeOrders(
    db,
    [known, { ...changing, currency: "USD" }, fresh],
    { ...options, dryRun: true },
  );
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["unchanged", "updated", "new"]);
  assert.equal(taken[2]!.orderId, null);
  assert.deepEqual(await counts(), before);
  assert.equal((await orderRow(changing.externalOrderId))!.currency, "EUR");
});

Deno.test("takeOrders() takes an id that stands there twice once and then compares", async () => {
  const order = newOrder();
  const taken = await takeOrders(
    db,
    [order, newOrder(), order, { ...order, currency: "USD" }],
    options,
  );
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["new", "new", "unchanged", "updated"]);
  assert.equal(taken[2]!.orderId, taken[0]!.orderId);
  assert.equal((await orderRow(order.externalOrderId))!.currency, "USD");
});

Deno.test("takeOrders() gives the same books when several take the same orders at once", async () => {
  const orders = Array.from({ length: 200 }, () => newOrder());
  for (const order of orders) order.items[0]!.sku = `shared-${count % 7}`;
  const runs = await Promise.all(
    [orders, [...orders].reverse(), orders, [...orders].reverse()].map((list) =>
      takeOrders(db, list, options)
    ),
  );
  const outcomes = runs.flat().map(({ outcome }) => outcome);
  assert.equal(outcomes.filter((outcome) => outcome === "new").length, orders.length);
  assert.equal(outcomes.filter((outcome) => outcome === "unchanged").length, 3 * orders.length);
  for (const { orderId } of runs[0]!.slice(0, 5)) assert.equal((await itemsOf(orderId!)).length, 2);
});

Deno.test("takeOrders() lets the latest order describe customers and products, whichever comes first", async () => {
  const order = (placedAt: string, name: string, price: number): IncomingOrder =>
    newOrder({
      placedAt,
      customer: { externalId: "described", email: `${name}@example.com`, name },
      items: [{ sku: "described", name, unitPriceCents: price, qty: 1 }],
    });
  const early = order("2010-12-01 00:00:00.000", "early", 1);
  const late = order("2010-12-03 00:00:00.000", "late", 3);
  const middle = order("2010-12-02 00:00:00.000", "middle", 2);
  const latest = order("2010-12-04 00:00:00.000", "latest", 4);
  await takeOrders(db, [early, late], options);
  assert.deepEqual(await product("described"), ["late", 3, 50, 50]);
  await takeOrders(db, [middle], options);
  assert.deepEqual(await product("described"), ["late", 3, 50, 50]);
  assert.equal((await orderRow(middle.externalOrderId))!.name, "late");
  await takeOrders(db, [latest], { ...options, initialStock: 9 });
  assert.deepEqual(await product("described"), ["latest", 4, 50, 50]);
  assert.equal((await orderRow(middle.externalOrderId))!.email, "latest@example.com");
});

Deno.test("takeOrders() leaves descriptions to the caller who brings a catalogue", async () => {
  const order = newOrder();
  await takeOrders(db, [order], options);
  const renamed = { ...order, items: order.items.map((item) => ({ ...item, name: "Renamed" })) };
  const catalog = emptyCatalog();
  const [taken] = await takeOrders(db, [renamed], { ...options, catalog });
  assert.equal(taken!.outcome, "unchanged");
  assert.equal((await product(order.items[0]!.sku))![0], "Lantern");
  await writeDescriptions(db, catalog, { everyDate: false });
  assert.equal((await product(order.items[0]!.sku))![0], "Renamed");
});
