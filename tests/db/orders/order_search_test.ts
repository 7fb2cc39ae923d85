import assert from "node:assert/strict";
import {
  type Database,
  openDatabase,
  type Queryable,
  toInteger,
} from "../../../db/connection/database.ts";
import { maxAddresses, type OrderSearch, searchOrders } from "../../../db/orders/order_search.ts";
import { listRefunds } from "../../../db/refunds/refund_list.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";

/** Orders in the database, with gaps between their ids. */
const count = 2_000;

/** So little that every search needs many pages. */
const limits = { walked: 90, lookedUp: 40 };

let test: TestContext;
let db: Database;
Deno.test.beforeAll(async () => {
  test = await testContext("order_search");
  await migrateTest(test.databaseUrl);
  db = await openDatabase(test.databaseUrl);
  await fillDatabase();
});
Deno.test.afterAll(async () => {
  await db.close();
  await test.close();
});

interface Stored {
  id: number;
  status: string;
  customerId: number;
  currency: string;
  placedAt: string;
  totalCents: number;
}

const statusOf = (n: number) =>
  n % 211 === 0 ? "CANCELLED" : n % 97 === 0 ? "RESERVED" : n % 61 === 0 ? "PENDING" : "PAID";

const stored: Stored[] = Array.from({ length: count }, (_, n) => ({
  // Every fifth id is missing, and so are a thousand in the middle.
  id: n + 1 + Math.floor(n / 4) + (n > count / 2 ? 1_000 : 0),
  status: statusOf(n),
  customerId: n % 3 === 0 ? 1 : 2 + n % 5,
  currency: n % 100 === 7 ? "USD" : "EUR",
  placedAt: `2024-0${1 + n % 9}-11 10:00:00`,
  totalCents: n,
}));

async function fillDatabase(): Promise<void> {
  const customers = Array.from({ length: 6 }, (_, n) => [`C${n + 1}`, `cust${n + 1}@shop.example`]);
  for (const [externalId, email] of customers) {
    await db.run("insert into customers (external_id, email, name) values (?, ?, 'N')", [
      externalId!,
      email!,
    ]);
  }
  await db.run(
    `
    insert into products (sku, name, price_cents, stock_qty, received_qty)
    values ('EVEN', 'Even', 1, 10, 10)`,
  );
  await db.runText(
    `
    insert into orders
      (id, external_order_id, customer_id, status, currency, total_cents, content_hash, placed_at,
       settled_time, recipient_name, recipient_email)
    values ${stored.map(() => "(?, ?, ?, ?, ?, ?, repeat('x', 16), ?, ?, null, ?)").join(",")}`,
    stored.flatMap(({ id, customerId, status, currency, totalCents, placedAt }) => [
      id,
      `E${id}`,
      customerId,
      status,
      currency,
      totalCents,
      placedAt,
      status === "PENDING" || status === "RESERVED" ? "1000-01-01 00:00:00" : placedAt,
      // Null, in rows of a version before, is what the customer was first known by.
      totalCents % 3 === 0 ? `cust${customerId}@shop.example` : null,
    ]),
  );
  await db.run(
    "update orders set recipient_name = 'R' where recipient_email is not null",
  );
  await db.run(
    "insert into order_addresses (order_id, email) " +
      "select id, recipient_email from orders where recipient_email is not null",
  );
  // Two items of the same product: an order is found once nevertheless.
  const even = stored.filter(({ totalCents }) => totalCents % 2 === 0).flatMap((
    { id },
  ) => [id, id]);
  await db.runText(
    `
    insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
    values ${even.map(() => "(?, 1, 1, 1, 1)").join(",")}`,
    even,
  );
  await db.query("analyze table orders, order_items, order_addresses, customers");
}

/** Makes the addresses findable of orders that were put there without the intake. */
async function noteAddresses(tx: Queryable): Promise<void> {
  await tx.run(
    `
    insert ignore into order_addresses (order_id, email)
    select orders.id, recipient_email
    from orders join customers on customers.id = orders.customer_id
    where recipient_email is not null and binary recipient_email <> binary first_email`,
  );
}

const idsOf = (fits: (order: Stored) => boolean) =>
  stored.filter(fits).map(({ id }) => id).sort((a, b) => b - a);

/** All that a search finds, page after page. */
async function searchWhole(search: OrderSearch, limit: number): Promise<number[]> {
  const ids: number[] = [];
  let beforeId: number | undefined;
  for (let pages = 0; pages < count; pages++) {
    const found = await searchOrders(db, search, { beforeId, limit, limits });
    assert.ok(found.orders.length <= limit);
    ids.push(...found.orders.map(({ id }) => id));
    if (found.nextBeforeId === undefined) return ids;
    assert.ok(beforeId === undefined || found.nextBeforeId < beforeId, "it gets on");
    beforeId = found.nextBeforeId;
  }
  throw new Error("it does not end");
}

const march = { placedFrom: "2024-03-01 00:00:00", placedTo: "2024-03-31 23:59:59.999999" };
const cases: [name: string, search: OrderSearch, fits: (order: Stored) => boolean][] = [
  ["everything", {}, () => true],
  ["a common status", { status: "PAID" }, ({ status }) => status === "PAID"],
  ["a rare status", { status: "CANCELLED" }, ({ status }) => status === "CANCELLED"],
  ["a status that no order has", { status: "FAILED" }, () => false],
  ["open orders", { status: "RESERVED" }, ({ status }) => status === "RESERVED"],
  ["a range of dates", march, ({ placedAt }) => placedAt.startsWith("2024-03")],
  [
    "a date before all",
    { placedTo: "2020-01-01 00:00:00" },
    () => false,
  ],
  ["a currency", { currency: "USD" }, ({ currency }) => currency === "USD"],
  [
    "amounts",
    { minCents: 30, maxCents: 40 },
    ({ totalCents }) => totalCents >= 30 && totalCents <= 40,
  ],
  ["a customer", { customerId: 1 }, ({ customerId }) => customerId === 1],
  [
    "a customer's rare orders",
    { customerId: 1, status: "RESERVED", ...march },
    ({ customerId, status, placedAt }) =>
      customerId === 1 && status === "RESERVED" && placedAt.startsWith("2024-03"),
  ],
  ["a SKU", { text: "EVEN" }, ({ totalCents }) => totalCents % 2 === 0],
  [
    "a SKU's rare orders",
    { text: "EVEN", status: "CANCELLED" },
    ({ totalCents, status }) => totalCents % 2 === 0 && status === "CANCELLED",
  ],
  [
    "the orders of many customers in a currency",
    { text: "cust", currency: "USD" },
    ({ currency }) => currency === "USD",
  ],
  [
    "the orders of an e-mail's beginning, in a currency",
    { text: "cust2@", currency: "USD" },
    ({ customerId, currency }) => customerId === 2 && currency === "USD",
  ],
  [
    "a word and a customer",
    { text: "EVEN", customerId: 3, currency: "USD" },
    ({ totalCents, customerId, currency }) =>
      totalCents % 2 === 0 && customerId === 3 && currency === "USD",
  ],
  ["an external id", { text: "E9" }, ({ id }) => id === 9],
  ["an id", { text: "#9", status: "PAID" }, ({ id, status }) => id === 9 && status === "PAID"],
];

for (const [name, search, fits] of cases) {
  Deno.test(`searchOrders() finds ${name} once each, however short its pages`, async () => {
    for (const limit of [7, 1_000]) assert.deepEqual(await searchWhole(search, limit), idsOf(fits));
  });
}

/** Rows and index entries that were read on a transaction's connection. */
async function readsOf(tx: Queryable, work: () => Promise<unknown>): Promise<number> {
  const reads = async () => {
    const rows = await tx.query("show session status like 'Handler_read%'");
    return rows.reduce((sum, row) => sum + Number(row.Value), 0);
  };
  const start = await reads();
  const asking = await reads() - start;
  const before = start + asking;
  await work();
  return await reads() - before - asking;
}

Deno.test("searchOrders() reads a bounded number of rows, whatever is looked for", async () => {
  const counts = await db.transaction(async (tx) => {
    const counts: [name: string, reads: number][] = [];
    for (const [name, search] of cases) {
      const options = { beforeId: undefined, limit: 7, limits };
      counts.push([name, await readsOf(tx, () => searchOrders(tx, search, options))]);
    }
    return counts;
  });
  assert.deepEqual(counts.filter(([, reads]) => reads > 300), [], `of ${count} orders`);
});

Deno.test("searchOrders() says when the beginning of an e-mail means too many addresses", async () => {
  const options = { beforeId: undefined, limit: 7 };
  const few = await searchOrders(db, { text: "cust" }, options);
  assert.equal(few.leavesAddressesOut, false);
  await db.transaction(async (tx) => {
    const add = async (names: readonly string[]) => {
      await tx.runText(
        `
        insert into orders
          (external_order_id, customer_id, currency, total_cents, content_hash, placed_at,
           recipient_name, recipient_email)
        values ${names.map(() => "(?, 1, 'EUR', 1, repeat('x', 16), now(6), 'R', ?)").join(",")}`,
        names.flatMap((name) => [name, `${name}@shop.example`]),
      );
      await noteAddresses(tx);
    };
    await add(Array.from({ length: maxAddresses }, (_, n) => `many${n}`));
    const max = await searchOrders(tx, { text: "many" }, options);
    assert.equal(max.leavesAddressesOut, false);
    await add(["many-and-one"]);
    const many = await searchOrders(tx, { text: "many" }, options);
    assert.equal(many.leavesAddressesOut, true);
    const one = await searchOrders(tx, { text: "many-and-one" }, options);
    assert.equal(one.leavesAddressesOut, false);
  });
});

Deno.test("searchOrders() finds an order by whom it was placed for, whatever its customer is called now", async () => {
  await db.transaction(async (tx) => {
    const add = async (name: string) => {
      const { insertId } = await tx.run(
        `
        insert into orders
          (external_order_id, customer_id, currency, total_cents, content_hash, placed_at,
           recipient_name, recipient_email)
        values (?, 1, 'EUR', 1, repeat('x', 16), now(6), ?, ?)`,
        [name, name, `${name}@guest.example`],
      );
      await noteAddresses(tx);
      return insertId;
    };
    const [ida, ben] = [await add("ida"), await add("ben")];
    await tx.run("update customers set email = 'ben@guest.example' where id = 1");
    const find = async (text: string) =>
      (await searchOrders(tx, { text }, { beforeId: undefined, limit: 7 })).orders
        .map(({ id, recipient }) => [id, recipient.email]);
    assert.deepEqual(await find("ida@guest"), [[ida, "ida@guest.example"]]);
    assert.deepEqual(await find("BEN@guest.example"), [[ben, "ben@guest.example"]]);
    throw new Error("undone");
  }).catch((error) => assert.equal(error.message, "undone", error.stack));
});

Deno.test("searchOrders() finds the orders of every customer that shares an address", async () => {
  await db.transaction(async (tx) => {
    const numbers = Array.from({ length: maxAddresses + 1 }, (_, n) => n);
    await tx.runText(
      "insert into customers (external_id, email, name) values " +
        numbers.map((n) => `('shares${n}', 'counter@shop.example', 'N')`).join(","),
    );
    await tx.run(
      `
      insert into orders
        (external_order_id, customer_id, currency, total_cents, content_hash, placed_at,
         recipient_name, recipient_email)
      select external_id, id, 'EUR', 1, repeat('x', 16), now(6), name,
        if(external_id = 'shares7', 'own@shop.example', email)
      from customers
      where email = 'counter@shop.example'
      order by id`,
    );
    await noteAddresses(tx);
    // Where they came from does not matter.
    await tx.run("update customers set email = 'new@shop.example' where external_id = 'shares3'");
    const found: string[] = [];
    let beforeId: number | undefined;
    do {
      const page = await searchOrders(tx, { text: "counter@" }, {
        beforeId,
        limit: 40,
        limits: { walked: 1_000, lookedUp: 40 },
      });
      assert.equal(page.leavesAddressesOut, false);
      found.push(...page.orders.map(({ externalOrderId }) => externalOrderId));
      beforeId = page.nextBeforeId;
    } while (beforeId !== undefined);
    const expected = numbers.filter((n) => n !== 7).map((n) => `shares${n}`);
    assert.deepEqual(found.sort(), expected.sort());
    throw new Error("undone");
  }).catch((error) => assert.equal(error.message, "undone", error.stack));
});

Deno.test("searchOrders() jumps over ids that no order has", async () => {
  const { nextBeforeId } = await searchOrders(
    db,
    { currency: "SEK" },
    { beforeId: undefined, limit: 7, limits: { walked: 1_000, lookedUp: 1 } },
  );
  const next = await searchOrders(
    db,
    { currency: "SEK" },
    { beforeId: nextBeforeId, limit: 7, limits: { walked: 10, lookedUp: 1 } },
  );
  assert.ok(stored.some(({ id }) => id === nextBeforeId! - 1), "the next page begins at an order");
  assert.ok(next.nextBeforeId! < nextBeforeId!);
});

Deno.test("listRefunds() finds every refund once, and reads a bounded number of rows", async () => {
  const paid = stored.filter(({ status }) => status === "PAID").slice(0, 300);
  await db.runText(
    `
    insert into refunds (order_id, amount_cents, status, processed_at, created_at)
    values ${paid.map(() => "(?, 1, ?, ?, ?)").join(",")}`,
    paid.flatMap(({ id }, n) => [
      id,
      n === 3 ? "FAILED" : n % 50 === 0 ? "REQUESTED" : "PROCESSED",
      n !== 3 && n % 50 === 0 ? null : "2024-05-05 00:00:00",
      n === 7 ? "2024-04-04 23:59:59.999999" : "2024-05-05 00:00:00",
    ]),
  );
  const whole = async (filter: Parameters<typeof listRefunds>[1]) => {
    const ids: number[] = [];
    let beforeId: number | undefined;
    for (;;) {
      const page = await listRefunds(db, filter, { beforeId, limit: 7, maxWalked: 20 });
      ids.push(...page.refunds.map(({ orderId }) => orderId));
      if (page.nextBeforeId === undefined) return ids;
      beforeId = page.nextBeforeId;
    }
  };
  assert.equal((await whole({})).length, 300);
  assert.deepEqual(await whole({ status: "FAILED" }), [paid[3]!.id]);
  assert.equal((await whole({ status: "REQUESTED" })).length, 6);
  assert.deepEqual(await whole({ requestedTo: "2024-04-04 23:59:59.999999" }), [paid[7]!.id]);
  const reads = await db.transaction((tx) =>
    readsOf(
      tx,
      () => listRefunds(tx, { status: "FAILED" }, { beforeId: undefined, limit: 7, maxWalked: 20 }),
    )
  );
  assert.ok(reads < 60, `it read ${reads} rows`);
});

Deno.test("searchOrders() has the indexes that it names on every engine", async () => {
  const rows = await db.query(
    `
    select index_name as name
    from information_schema.statistics
    where table_schema = database() and table_name in ('orders', 'order_items', 'customers', 'order_addresses')
      and seq_in_index = 1`,
  );
  const names = new Set(rows.map(({ name }) => String(name).toLowerCase()));
  const needed = [
    "primary",
    "orders_unfinished",
    "orders_customer",
    "order_addresses_email",
    "customers_first_email",
    "order_items_product",
  ];
  for (const name of needed) assert.ok(names.has(name), name);
  // No index that the drain would have to move at every step, or the import at every order.
  const indexed = await db.query(
    `
    select count(*) as n
    from information_schema.statistics
    where table_schema = database() and table_name = 'orders' and column_name in ('status', 'placed_at')`,
  );
  assert.equal(toInteger(indexed[0]!.n), 0);
});
