import assert from "node:assert/strict";
import { emptyCatalog, writeDescriptions } from "../../../db/catalog/catalog.ts";
import { keptProducts } from "../../../db/catalog/kept_products.ts";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { type TakeOptions, takeOrders } from "../../../streams/intake/take_orders.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { meddled } from "../../meddled_database.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";

const options: TakeOptions = { initialStock: 50, onPendingChange: "update", actor: "test" };

let context: TestContext;
let db: Database;
let count = 0;

Deno.test.beforeAll(async () => {
  context = await testContext("intake");
  await migrateTest(context.databaseUrl);
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

const item = (sku: string, qty = 1) => ({ sku, name: "Item", unitPriceCents: 100, qty });

async function orderRow(externalOrderId: string) {
  const [row] = await db.query(
    `select o.id, o.status, o.currency, o.total_cents, o.placed_at, o.unfinished,
       c.external_id, c.email, c.name, o.recipient_name, o.recipient_email
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
      foreign: false,
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

Deno.test("takeOrders() replaces what a pending order says where it is told to", async () => {
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
  const [again] = await takeOrders(db, [changed], {
    ...options,
    onPendingChange: "replace",
    actor: "other",
  });
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

const less: [what: string, change: (order: IncomingOrder) => Partial<IncomingOrder>][] = [
  ["an item missing", ({ items }) => ({ items: items.slice(1) })],
  [
    "another item instead",
    ({ items, externalOrderId }) => ({ items: [items[0]!, item(`${externalOrderId}-c`)] }),
  ],
  ["fewer units", ({ items }) => ({ items: [items[0]!, { ...items[1]!, qty: 7 }] })],
  ["another price", ({ items }) => ({ items: [items[0]!, { ...items[1]!, unitPriceCents: 1 }] })],
  ["another currency", () => ({ currency: "USD" })],
];

for (const [what, change] of less) {
  Deno.test(`takeOrders() calls ${what} of a pending order a conflict unless it is to be replaced`, async () => {
    const order = newOrder();
    const [first] = await takeOrders(db, [order], options);
    const changed = {
      ...order,
      customer: { externalId: `${order.externalOrderId}-new`, email: "new@example.com", name: "N" },
      ...change(order),
    };
    const [again] = await takeOrders(db, [changed, newOrder()], options);
    assert.deepEqual([again!.outcome, again!.status], ["conflict", "PENDING"]);
    const row = (await orderRow(order.externalOrderId))!;
    assert.deepEqual(
      [Number(row.total_cents), row.currency, row.recipient_email],
      [4234, "EUR", order.customer.email],
    );
    assert.equal((await itemsOf(first!.orderId!)).length, 2);
    const unknown = [changed.customer.externalId, `${order.externalOrderId}-c`];
    const rows = await db.query(
      `select external_id from customers where external_id in (?)
       union all select sku from products where sku in (?)`,
      [unknown, unknown],
    );
    assert.deepEqual(rows, []);
    const replacing = { ...options, onPendingChange: "replace" as const };
    const [replaced] = await takeOrders(db, [changed], replacing);
    assert.equal(replaced!.outcome, "updated");
    assert.equal((await itemsOf(first!.orderId!)).length, changed.items.length);
  });
}

Deno.test("takeOrders() adds to a pending order, in any order of its lines", async () => {
  const order = newOrder();
  const [first] = await takeOrders(db, [order], options);
  const [tea, cup] = order.items as [IncomingOrder["items"][0], IncomingOrder["items"][0]];
  const more = { ...order, items: [cup, item("more"), { ...tea, qty: 5 }, { ...tea, qty: 2 }] };
  const [again] = await takeOrders(db, [more], options);
  assert.equal(again!.outcome, "updated");
  assert.equal((await itemsOf(first!.orderId!)).length, 4);
});

Deno.test("takeOrders() sees what another import adds between its look and its lock", async () => {
  const order = newOrder();
  const [first] = await takeOrders(db, [order], options);
  const one = { ...order, items: [...order.items, item("one")] };
  const other = { ...order, items: [...order.items, item("other")] };
  let begun = false;
  const interrupted = meddled(db, /from orders[^]*for update/, () => {
    begun = true;
    return takeOrders(db, [one], options);
  });
  const [late] = await takeOrders(interrupted, [other], options);
  assert.ok(begun);
  assert.equal(late!.outcome, "conflict");
  assert.deepEqual(await db.query("select sku from products where sku = 'other'"), []);
  assert.deepEqual((await itemsOf(first!.orderId!)).map(([sku]) => sku), [
    ...order.items.map(({ sku }) => sku),
    "one",
  ]);
});

Deno.test("takeOrders() keeps for each order whom it was placed for, whatever later ones say", async () => {
  const guest = (name: string, placedAt: string) =>
    newOrder({
      placedAt,
      customer: { externalId: "guest-0", email: `${name}@guest.example`, name },
    });
  const guests = [
    guest("ida", "2026-01-05 10:00:00.000"),
    guest("ben", "2026-01-05 10:05:00.000"),
    guest("zoe", "2026-01-05 10:10:00.000"),
  ];
  await takeOrders(db, guests.slice(0, 2), options);
  await takeOrders(db, guests.slice(2), options);
  for (const order of guests) {
    const row = (await orderRow(order.externalOrderId))!;
    const { name, email } = order.customer;
    assert.deepEqual([row.recipient_name, row.recipient_email], [name, email]);
    assert.equal(row.email, "zoe@guest.example");
  }
});

Deno.test("takeOrders() lets a file correct whom a pending order is for, and nothing else", async () => {
  const order = newOrder();
  const [first] = await takeOrders(db, [order], options);
  const mended = { ...order, customer: { ...order.customer, email: "right@example.com" } };
  const recipient = async () => (await orderRow(order.externalOrderId))!.recipient_email;
  const [posted] = await takeOrders(db, [mended], { ...options, onPendingChange: "conflict" });
  assert.equal(posted!.outcome, "unchanged");
  assert.equal(await recipient(), order.customer.email);
  const [taken] = await takeOrders(db, [mended], options);
  assert.equal(taken!.outcome, "updated");
  assert.equal(await recipient(), "right@example.com");
  await db.run("update orders set status = 'RESERVED' where id = ?", [first!.orderId!]);
  for (const onPendingChange of ["update", "replace"] as const) {
    const [late] = await takeOrders(db, [order], { ...options, onPendingChange });
    assert.equal(late!.outcome, "unchanged");
    assert.equal(await recipient(), "right@example.com");
  }
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
  const [known, changing, losing, fresh] = [newOrder(), newOrder(), newOrder(), newOrder()];
  await takeOrders(db, [known, changing, losing], options);
  const counts = () =>
    db.query(
      `select (select count(*) from orders) o, (select count(*) from products) p,
         (select count(*) from customers) c, (select count(*) from order_events) e`,
    );
  const before = await counts();
  const taken = await takeOrders(
    db,
    [known, { ...changing, items: [...changing.items, item("more")] }, fresh, {
      ...losing,
      items: [...losing.items.slice(1), item("more")],
    }],
    { ...options, dryRun: true },
  );
  assert.deepEqual(
    taken.map(({ outcome }) => outcome),
    ["unchanged", "updated", "new", "conflict"],
  );
  assert.equal(taken[2]!.orderId, null);
  assert.deepEqual(await counts(), before);
  assert.equal(Number((await orderRow(changing.externalOrderId))!.total_cents), 4234);
});

Deno.test("takeOrders() takes an id that stands there twice once and then compares", async () => {
  const order = newOrder();
  const taken = await takeOrders(
    db,
    [order, newOrder(), order, { ...order, items: [...order.items, item("more")] }],
    options,
  );
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["new", "new", "unchanged", "updated"]);
  assert.equal(taken[2]!.orderId, taken[0]!.orderId);
  assert.equal((await itemsOf(taken[0]!.orderId!)).length, 3);
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

Deno.test("takeOrders() leaves an order alone that another transaction keeps, and takes all others", async () => {
  const orders = [newOrder(), newOrder(), newOrder()];
  const ids = (await takeOrders(db, orders, options)).map(({ orderId }) => orderId!);
  const changed = orders.map((order) => ({
    ...order,
    items: order.items.map((item) => ({ ...item, qty: item.qty + 1 })),
  }));
  const impatient: Database = {
    ...db,
    transaction: (work, own) =>
      db.transaction(async (tx) => {
        await tx.query("set session innodb_lock_wait_timeout = 1");
        return await work(tx);
      }, own),
  };
  const fresh = newOrder();
  const take = () => takeOrders(impatient, [...changed, fresh], options);
  await db.transaction(async (tx) => {
    await tx.query("select id from orders where id = ? for update", [ids[1]!]);
    const taken = await take();
    assert.deepEqual(
      taken.map(({ outcome, refusal }) => [outcome, refusal !== undefined]),
      [["updated", false], ["conflict", true], ["updated", false], ["new", false]],
    );
    assert.equal(taken[1]!.orderId, ids[1]);
    // It is known that it is kept: nobody waits again.
    assert.deepEqual((await take()).map(({ outcome }) => outcome), [
      "unchanged",
      "conflict",
      "unchanged",
      "unchanged",
    ]);
  });
  assert.deepEqual((await take()).map(({ outcome }) => outcome), [
    "unchanged",
    "updated",
    "unchanged",
    "unchanged",
  ]);
  const [kept] = await db.query("select total_cents from orders where id = ?", [ids[1]!]);
  const sum = changed[1]!.items.reduce((all, item) => all + item.qty * item.unitPriceCents, 0);
  assert.equal(Number(kept!.total_cents), sum);
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

Deno.test("writeDescriptions() brings nothing back that a restored database lost or gave to others", async () => {
  const order = newOrder();
  const catalog = emptyCatalog();
  const [taken] = await takeOrders(db, [order], { ...options, catalog });
  const renamed = {
    ...order,
    placedAt: "2011-01-01 00:00:00.000",
    customer: { ...order.customer, name: "Later" },
    items: order.items.map((item) => ({ ...item, name: "Later" })),
  };
  await takeOrders(db, [renamed], { ...options, catalog });
  const [a, b] = order.items.map(({ sku }) => sku) as [string, string];
  for (const table of ["order_items", "order_events"]) {
    await db.query(`delete from ${table} where order_id = ?`, [taken!.orderId!]);
  }
  await db.query("delete from orders where id = ?", [taken!.orderId!]);
  await db.query("delete from customers where external_id = ?", [order.customer.externalId]);
  await db.query(
    "delete from stock_movements where product_id = (select id from products where sku = ?)",
    [a],
  );
  await db.query("delete from products where sku = ?", [a]);
  await db.query("update products set sku = ? where sku = ?", [`${b} of another`, b]);
  await writeDescriptions(db, catalog, { everyDate: true });
  const products = await db.query("select sku, name, received_qty from products where sku like ?", [
    `${a.slice(0, -1)}%`,
  ]);
  assert.deepEqual(
    products.map(({ sku, name, received_qty: qty }) => [sku, name, Number(qty)]),
    [[`${b} of another`, "Hanger", 50]],
  );
  const customers = await db.query("select 1 from customers where external_id = ?", [
    order.customer.externalId,
  ]);
  assert.deepEqual(customers, []);
});

/** The same database, with whether orders were there for others when the work of their transaction had ended. */
function watchingCommits(seen: Map<string, boolean>): Database {
  return {
    ...db,
    transaction: (work, options) =>
      db.transaction(async (tx) => {
        const result = await work(tx);
        for (const id of seen.keys()) seen.set(id, await orderRow(id) !== undefined);
        return result;
      }, options),
  };
}

Deno.test("takeOrders() commits orders that are nothing but items with their last statements", async () => {
  const plain = newOrder(),
    adjusted = newOrder({
      adjustments: [{ kind: "shipping", label: null, amountCents: 490, included: false }],
    });
  const orders = [plain, newOrder(), adjusted];
  const seen = new Map([[plain.externalOrderId, false], [adjusted.externalOrderId, false]]);
  const watched = watchingCommits(seen);
  await takeOrders(watched, orders.slice(0, 2), options);
  assert.equal(seen.get(plain.externalOrderId), true);
  seen.delete(plain.externalOrderId);
  await takeOrders(watched, orders.slice(2), options);
  assert.equal(seen.get(adjusted.externalOrderId), false);
  const told = newOrder();
  seen.set(told.externalOrderId, false);
  const inTransaction = async () => {
    await db.query("select 1");
  };
  await takeOrders(watched, [told], { ...options, inTransaction });
  assert.equal(seen.get(told.externalOrderId), false, "somebody else may write as well");
  for (const { externalOrderId, items } of [...orders, told]) {
    const row = (await orderRow(externalOrderId))!;
    assert.equal((await itemsOf(row.id as number)).length, items.length);
    assert.deepEqual(await eventsOf(row.id as number), ["created by test"]);
  }
});

/** The same database, with the statements that are asked for together. */
function noting(asked: string[]): Database {
  return {
    ...db,
    together: (work) =>
      db.together((one) =>
        work({
          ...one,
          query: (sql, values) => {
            asked.push(sql);
            return one.query(sql, values);
          },
        })
      ),
  };
}

Deno.test("takeOrders() tells whose an id is where ids are not given in the order of the orders", async () => {
  const reversed: Database = {
    ...db,
    transaction: (work, own) =>
      db.transaction((tx) =>
        work({
          ...tx,
          run: (sql, values = []) => {
            if (!sql.includes("insert into orders")) return tx.run(sql, values);
            const rows = JSON.stringify(JSON.parse(String(values.at(-1))).reverse());
            return tx.run(sql, [...values.slice(0, -1), rows]);
          },
        }), own),
  };
  const orders = [newOrder(), newOrder(), newOrder()];
  const taken = await takeOrders(reversed, orders, { ...options, withSummaries: true });
  const ids = taken.map(({ orderId }) => orderId!);
  assert.deepEqual(ids, ids.toSorted((a, b) => b - a));
  for (const [index, { externalOrderId, items }] of orders.entries()) {
    assert.equal(Number((await orderRow(externalOrderId))!.id), ids[index]);
    assert.equal((await itemsOf(ids[index]!))[0]![0], items[0]!.sku);
    assert.equal(taken[index]!.summary?.externalOrderId, externalOrderId);
  }
});

Deno.test("takeOrders() writes by products that were read for orders before, unless they are others by now", async () => {
  const asked: string[] = [];
  const noted = noting(asked);
  const looks = () => asked.splice(0).filter((sql) => /from products/.test(sql)).length;
  let now = 0;
  const kept = { ...options, products: keptProducts(100, () => now) };
  const { items } = newOrder();
  const [a, b] = items.map(({ sku }) => sku);
  const take = async (looksAtAll: boolean) => {
    const order = newOrder({ items, placedAt: "2010-12-02 08:26:00.000" });
    const [taken] = await takeOrders(noted, [order], kept);
    const bought = (await itemsOf(taken!.orderId!)).map(([sku]) => sku);
    assert.deepEqual(bought, [a, b]);
    assert.equal(looks() > 0, looksAtAll);
    now += 10_000;
  };
  await take(true);
  await take(false);
  // Another process has met a later order.
  await db.run("update products set name = 'New', described_by = '2020-01-01 x' where sku = ?", [
    a!,
  ]);
  await take(true);
  assert.equal((await product(a!))![0], "New");
  await take(false);
  await swapProducts(a!, b!);
  await take(true);
  // That has described one of them, and what orders say of a product is not kept: the database may know better.
  await take(true);
  await take(false);
  const renamed = newOrder({
    items: [{ ...items[0]!, name: "Renamed" }],
    placedAt: "2030-01-01 00:00:00.000",
  });
  await takeOrders(noted, [renamed], kept);
  assert.equal(looks(), 0);
  assert.equal((await product(a!))![0], "Renamed");
  await take(true);
});

/** The same database, which is changed once, between the transactions that create what orders name and the one that writes them. */
function replacedMeanwhile(
  isCreated: () => Promise<boolean>,
  change: () => Promise<unknown>,
): Database {
  let isChanged = false;
  return {
    ...db,
    transaction: async (work, own) => {
      if (!isChanged && await isCreated()) {
        isChanged = true;
        await change();
      }
      return await db.transaction(work, own);
    },
  };
}

for (const [table, name] of [["customers", "external_id"], ["products", "sku"]] as const) {
  Deno.test(`takeOrders() gives an order to nobody who got a number of ${table} that were lost`, async () => {
    const [known, order] = [newOrder(), newOrder()];
    for (const catalog of [emptyCatalog(), undefined]) {
      const catalogued = { ...options, catalog };
      await takeOrders(db, [known], catalogued);
      const again = newOrder({ customer: order.customer, items: order.items });
      const lost = table === "customers" ? order.customer.externalId : order.items[0]!.sku;
      // As where the replica that takes over lacks the commit, and has given the number to the next one.
      const replaced = replacedMeanwhile(
        async () => {
          const [row] = await db.query(
            "select count(*) as n from customers, products where external_id = ? and sku in (?)",
            [order.customer.externalId, order.items.map(({ sku }) => sku)],
          );
          return Number(row!.n) === order.items.length;
        },
        () => db.run(`update ${table} set ${name} = ? where ${name} = ?`, [`${lost} other`, lost]),
      );
      const [taken] = await takeOrders(replaced, [again], catalogued);
      assert.equal(taken!.outcome, "new");
      assert.equal((await orderRow(again.externalOrderId))!.external_id, order.customer.externalId);
      assert.deepEqual(
        (await itemsOf(taken!.orderId!)).map(([sku]) => sku),
        order.items.map(({ sku }) => sku),
      );
      await db.run(`update ${table} set ${name} = ? where ${name} = ?`, [
        `${lost} of ${catalog === undefined ? "none" : "a run"}`,
        `${lost} other`,
      ]);
    }
  });
}

/** Two products change places, as where another database has given their ids to others. */
async function swapProducts(a: string, b: string): Promise<void> {
  for (const [from, to] of [[a, "aside"], [b, a], ["aside", b]]) {
    await db.run("update products set sku = ? where sku = ?", [to!, from!]);
  }
}

Deno.test("takeOrders() holds products that were lent for an order against their rows where the same id comes again", async () => {
  const kept = { ...options, products: keptProducts(100, () => 0), unknownSku: "reject" } as const;
  const { items } = newOrder();
  const [a, b] = items.map(({ sku }) => sku) as [string, string];
  await takeOrders(db, [newOrder({ items })], options);
  await takeOrders(db, [newOrder({ items })], kept);
  await swapProducts(a, b);
  const order = newOrder({ items });
  const lacking = { ...order, items: [...items, item("nobody has it")] };
  const taken = await takeOrders(db, [lacking, order], kept);
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["unknown_sku", "new"]);
  const bought = (await itemsOf(taken[1]!.orderId!)).map(([sku]) => sku);
  assert.deepEqual(bought, [a, b]);
});

Deno.test("takeOrders() of a longer run gives nothing to whoever has the ids by now that it has read", async () => {
  const catalog = emptyCatalog();
  const order = newOrder(), other = newOrder();
  const { items, customer } = order;
  const [a, b] = items.map(({ sku }) => sku) as [string, string];
  await takeOrders(db, [order, other], { ...options, catalog });
  await swapProducts(a, b);
  const [first] = await takeOrders(db, [newOrder({ items, customer })], { ...options, catalog });
  assert.deepEqual((await itemsOf(first!.orderId!)).map(([sku]) => sku), [a, b]);
  const people = [customer.externalId, other.customer.externalId];
  for (const [from, to] of [[people[0], "aside"], [people[1], people[0]], ["aside", people[1]]]) {
    await db.run("update customers set external_id = ? where external_id = ?", [to!, from!]);
  }
  const [second] = await takeOrders(db, [newOrder({ items, customer })], { ...options, catalog });
  const row = await orderRow(second!.externalOrderId);
  assert.equal(row!.external_id, customer.externalId);
});

Deno.test("takeOrders() gives nothing to whoever gets the ids of customers and products that it has just created", async () => {
  const order = newOrder(), other = newOrder();
  const [a, b] = order.items.map(({ sku }) => sku) as [string, string];
  const lost = meddled(db, /insert into orders/, async () => {
    await swapProducts(a, b);
    await db.run("update customers set external_id = ? where external_id = ?", [
      other.customer.externalId,
      order.customer.externalId,
    ]);
  });
  const [taken] = await takeOrders(lost, [order], options);
  assert.deepEqual((await itemsOf(taken!.orderId!)).map(([sku]) => sku), [a, b]);
  assert.equal((await orderRow(order.externalOrderId))!.external_id, order.customer.externalId);
});
