import assert from "node:assert/strict";
import { emptyCatalog } from "../../../db/catalog/catalog.ts";
import { insertNewCustomers } from "../../../db/catalog/inserted_customers.ts";
import { type Database, openDatabase, toInteger } from "../../../db/connection/database.ts";
import { guestOf } from "../../../domain/order/guest.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";
import { anOrder } from "../../workflow.ts";

const options = { initialStock: 5_000, onPendingChange: "update", actor: "test" } as const;

let context: TestContext;
let db: Database;

Deno.test.beforeAll(async () => {
  context = await testContext("inserted_customers");
  await migrateTest(context.databaseUrl);
  db = await openDatabase(context.databaseUrl);
});
Deno.test.afterAll(async () => {
  await db.close();
  await context.close();
});

const rowOf = (externalId: string) =>
  [
    externalId,
    { text: { email: `${externalId}@shop.example`, name: `Né "${externalId}"` }, by: "2026" },
  ] as const;

/** What the table has, by external id. */
async function idsOf(prefix: string): Promise<Map<string, number>> {
  const rows = await db.query("select id, external_id from customers where external_id like ?", [
    `${prefix}%`,
  ]);
  return new Map(rows.map(({ id, external_id }) => [String(external_id), toInteger(id)]));
}

Deno.test("insertNewCustomers() tells the ids of all, of few and of many", async () => {
  for (const count of [1, 100, 2_000]) {
    const prefix = `of ${count} `;
    const rows = Array.from({ length: count }, (_, at) => rowOf(`${prefix}${at} é`));
    const ids = await db.transaction((tx) => insertNewCustomers(tx, rows), { asksOnce: true });
    assert.equal(ids.size, count);
    assert.deepEqual([...ids].sort(), [...await idsOf(prefix)].sort());
  }
});

Deno.test("insertNewCustomers() finds ids that stand apart, as those of a node do", async () => {
  const rows = ["a", "b", "c", "d"].map((id) => rowOf(`node ${id}`));
  const ids = await db.transaction(async (tx) => {
    await tx.query("set session auto_increment_increment = 3");
    try {
      return await insertNewCustomers(tx, rows);
    } finally {
      await tx.query("set session auto_increment_increment = default");
    }
  });
  assert.deepEqual([...ids].sort(), [...await idsOf("node ")].sort());
  const [a, b] = [...ids.values()];
  assert.equal(b! - a!, 3);
});

Deno.test("insertNewCustomers() inserts nobody where one of them is there", async () => {
  const rows = ["a", "b", "c"].map((id) => rowOf(`there ${id}`));
  await db.transaction((tx) => insertNewCustomers(tx, [rows[1]!]));
  for (const asksOnce of [false, true]) {
    await assert.rejects(db.transaction((tx) => insertNewCustomers(tx, rows), { asksOnce }), {
      code: "ER_DUP_ENTRY",
    });
  }
  assert.deepEqual([...(await idsOf("there ")).keys()], ["there b"]);
});

Deno.test("takeOrders() gives a customer whom others create meanwhile the id and the first address that they have", async () => {
  const orders = ["x", "y", "z"].map((name) => {
    const customer = { externalId: `met ${name}`, email: `${name}@shop.example`, name };
    return anOrder(`M-${name}`, [{ sku: "mug", qty: 1 }], { customer });
  });
  const others = anOrder("O-y", [{ sku: "mug", qty: 1 }], {
    customer: { externalId: "met y", email: "first@shop.example", name: "First" },
  });
  let isDone = false;
  const between: Database = {
    ...db,
    engine: db.engine,
    transaction: async (work, own) => {
      if (!isDone) {
        isDone = true;
        await takeOrders(db, [others], options);
      }
      return await db.transaction(work, own);
    },
  };
  const catalog = emptyCatalog();
  const taken = await takeOrders(between, orders, { ...options, catalog });
  assert.deepEqual(taken.map(({ outcome }) => outcome), ["new", "new", "new"]);
  assert.equal(catalog.meetsOthers, true);
  const rows = await db.query(
    `
    select orders.external_order_id as id, customers.external_id as customer, customers.first_email as first,
      orders.recipient_email as email, order_addresses.email as address
    from orders
    join customers on customers.id = orders.customer_id
    left join order_addresses on order_addresses.order_id = orders.id
    where orders.external_order_id like 'M-%'
    order by orders.external_order_id`,
  );
  assert.deepEqual(rows.map((row) => Object.values(row)), [
    ["M-x", "met x", "x@shop.example", "x@shop.example", null],
    ["M-y", "met y", "first@shop.example", "y@shop.example", "y@shop.example"],
    ["M-z", "met z", "z@shop.example", "z@shop.example", null],
  ]);
});

Deno.test("takeOrders() gives each of many new guests their own row, and knows them by the next batch", async () => {
  const catalog = emptyCatalog();
  const batch = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => {
      const customer = guestOf(`g${from + at}@shop.example`, `G ${from + at}`, "");
      return anOrder(`G-${from}-${at}`, [{ sku: "mug", qty: 1 }], { customer });
    });
  await Promise.all([
    takeOrders(db, batch(0, 900), { ...options, catalog }),
    takeOrders(db, batch(900, 900), { ...options, catalog }),
  ]);
  await takeOrders(db, batch(850, 100), { ...options, catalog });
  const [row] = await db.query(
    `
    select count(*) as orders, count(distinct customers.id) as customers,
      sum(customers.first_email = orders.recipient_email and customers.first_name = orders.recipient_name
        and customers.guest = 1) as own
    from orders
    join customers on customers.id = orders.customer_id
    where orders.external_order_id like 'G-%'`,
  );
  assert.deepEqual(
    [toInteger(row!.orders), toInteger(row!.customers), toInteger(row!.own)],
    [1_900, 1_800, 1_900],
  );
});
