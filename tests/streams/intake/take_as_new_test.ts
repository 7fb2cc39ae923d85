import assert from "node:assert/strict";
import { type KeptCustomers, keptCustomers } from "../../../db/catalog/kept_customers.ts";
import { keptProducts } from "../../../db/catalog/kept_products.ts";
import { insertErasure } from "../../../db/customers/erasures.ts";
import type { Database, Queryable } from "../../../db/connection/database.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { placeAndPublish } from "../../../services/orders/place_orders.ts";

import { meddled } from "../../meddled_database.ts";
import { anOperator } from "../../operator.ts";
import { mara, namesOfMara, placesNaming } from "../../person.ts";
import { assertConsistent } from "../consistent.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

const items = [{ sku: "a", qty: 1 }, { sku: "b", qty: 2 }];
const another = { externalId: "C-2", email: "ben@example.com", name: "Ben" };

/** What a process keeps from one set of orders to the next; its clock stands still unless it is told. */
function aProcess(clock: { ms: number } = { ms: 0 }) {
  const now = () => clock.ms;
  return { products: keptProducts(100, now), customers: keptCustomers(100, now) };
}

/** Takes orders as a process does that keeps something. */
async function take(
  flow: Workflow,
  orders: readonly IncomingOrder[],
  kept: ReturnType<typeof aProcess>,
  db: Database = flow.db,
): Promise<string[]> {
  const placed = await placeAndPublish(
    { ...flow, db, config: { initialStock: 50, unknownSku: "create", erasureSecret: "" } },
    orders.map((order) => ({ order, actor: "test" })),
    kept,
  );
  return placed.map(({ outcome }, at) => `${orders[at]!.externalOrderId} ${outcome}`);
}

/** The same database, and how often orders were looked for that there are. */
function watching(db: Database): { db: Database; looks: () => number } {
  let looks = 0;
  const watched = <Q extends Queryable>(one: Q): Q => ({
    ...one,
    query: (sql: string, values?: Parameters<Q["query"]>[1]) => {
      if (/where external_order_id in/.test(sql)) looks++;
      return one.query(sql, values);
    },
  });
  return {
    db: {
      ...watched(db),
      together: (read) => db.together((one) => read(watched(one))),
      transaction: (work, own) => db.transaction((tx) => work(watched(tx)), own),
    },
    looks: () => [looks, looks = 0][0]!,
  };
}

async function ordersOf(flow: Workflow): Promise<string[]> {
  const rows = await flow.rows(`
    select external_order_id as name, total_cents, customers.external_id as customer, recipient_email,
      (select group_concat(sku, ':', qty order by order_items.id)
        from order_items join products on products.id = product_id where order_id = orders.id) as items,
      (select group_concat(event, ' by ', actor) from order_events where order_id = orders.id) as steps
    from orders join customers on customers.id = orders.customer_id
    order by orders.id`);
  return rows.map((row) =>
    [row.name, row.total_cents, row.customer, row.recipient_email, row.items, row.steps].join(" ")
  );
}

Deno.test("placeAndPublish() takes orders for new ones without looking, once it has met their products", async () => {
  await withWorkflow("as_new", async (flow) => {
    const { db, looks } = watching(flow.db);
    const kept = aProcess();
    assert.deepEqual(await take(flow, [anOrder("N-1", items, { customer: mara })], kept, db), [
      "N-1 new",
    ]);
    assert.equal(looks(), 1);
    const gift = { ...mara, email: "gift@example.com" };
    assert.deepEqual(
      await take(
        flow,
        [
          anOrder("N-2", items, { customer: another }),
          anOrder("N-3", items, { customer: gift }),
        ],
        kept,
        db,
      ),
      ["N-2 new", "N-3 new"],
    );
    assert.equal(looks(), 0);
    const total = (await flow.rows("select total_cents from orders"))[0]!.total_cents;
    const rest = `a:1,b:2 created by test`;
    assert.deepEqual(await ordersOf(flow), [
      `N-1 ${total} ${mara.externalId} ${mara.email} ${rest}`,
      `N-2 ${total} C-2 ben@example.com ${rest}`,
      `N-3 ${total} ${mara.externalId} gift@example.com ${rest}`,
    ]);
    const addresses = await flow.rows("select email from order_addresses");
    assert.deepEqual(addresses.map(({ email }) => email), ["gift@example.com"]);
    const [named] = await flow.rows("select email from customers where external_id = 'C-2'");
    assert.equal(named!.email, "ben@example.com");
    await flow.drain();
    await assertConsistent(flow);
  });
});

Deno.test("placeAndPublish() reads products that it has not met, and takes orders of them for new ones then", async () => {
  const of = (...skus: string[]) => skus.map((sku) => ({ sku, qty: 1 }));
  await withWorkflow("as_new_unmet", async (flow) => {
    await take(flow, [anOrder("U-0", of("a", "b", "c"))], aProcess());
    const { db, looks } = watching(flow.db);
    const kept = aProcess();
    await take(flow, [anOrder("U-1", of("a"))], kept, db);
    assert.equal(looks(), 1, "the first of a process");
    assert.deepEqual(await take(flow, [anOrder("U-2", of("b", "c"))], kept, db), ["U-2 new"]);
    assert.equal(looks(), 0);
    assert.deepEqual(await take(flow, [anOrder("U-3", of("c", "d"))], kept, db), ["U-3 new"]);
    assert.equal(looks(), 1, "of a product that is not there yet");
    await flow.drain();
    await assertConsistent(flow);
  });
});

Deno.test("placeAndPublish() that takes a known order for a new one writes nothing twice, and looks for a while", async () => {
  await withWorkflow("as_new_known", async (flow) => {
    const { db, looks } = watching(flow.db);
    const clock = { ms: 0 };
    const kept = aProcess(clock);
    const first = anOrder("K-1", items, { customer: mara });
    await take(flow, [first], kept, db);
    looks();
    const other = anOrder("K-1", [{ sku: "b", qty: 9 }], { customer: mara });
    const fresh = anOrder("K-2", items, { customer: another });
    assert.deepEqual(await take(flow, [first, fresh, other], kept, db), [
      "K-1 unchanged",
      "K-2 new",
      "K-1 conflict",
    ]);
    assert.ok(looks() > 0);
    await take(flow, [anOrder("K-3", items)], kept, db);
    assert.equal(looks(), 1);
    clock.ms += 1_000;
    assert.deepEqual(await take(flow, [anOrder("K-4", items)], kept, db), ["K-4 new"]);
    assert.equal(looks(), 0);
    const names = (await ordersOf(flow)).map((text) => text.split(" ")[0]);
    assert.deepEqual(names, ["K-1", "K-2", "K-3", "K-4"]);
    const [{ n }] = await flow.rows("select count(*) as n from customers") as [{ n: number }];
    assert.ok(Number(n) <= 4);
    await flow.drain();
    await assertConsistent(flow);
  });
});

const knowsMara: [string, (kept: KeptCustomers) => KeptCustomers][] = [
  ["knew", (kept) => kept],
  ["had not met", (kept) => ({ ...kept, has: () => false })],
];
for (const [what, seen] of knowsMara) {
  Deno.test(`placeAndPublish() of a process that ${what} somebody who is erased meanwhile brings no name back`, async () => {
    await withWorkflow("as_new_erased", async (flow) => {
      const kept = aProcess();
      kept.customers = seen(kept.customers);
      await take(flow, [anOrder("M-1", items, { customer: mara })], kept);
      await flow.drain();
      const { customerId } = await eraseCustomer(
        { ...flow, config: { erasureSecret: "" } },
        { externalId: mara.externalId },
        anOperator("desk"),
      );
      assert.deepEqual(await take(flow, [anOrder("M-2", items, { customer: mara })], kept), [
        "M-2 new",
      ]);
      assert.deepEqual(await placesNaming(flow, namesOfMara), []);
      const rows = await flow.rows("select distinct customer_id as id from orders");
      assert.deepEqual(rows.map(({ id }) => Number(id)), [customerId]);
      await flow.drain();
      await assertConsistent(flow);
    });
  });
}

Deno.test("placeAndPublish() writes nothing by what it knew where its customer is erased while it writes", async () => {
  await withWorkflow("as_new_erasing", async (flow) => {
    const kept = aProcess();
    await take(flow, [anOrder("E-1", items, { customer: mara })], kept);
    await flow.drain();
    const erasing = meddled(flow.db, /insert into orders/, () =>
      eraseCustomer(
        { ...flow, config: { erasureSecret: "" } },
        { externalId: mara.externalId },
        anOperator("desk"),
      ));
    const order = anOrder("E-2", items, { customer: mara });
    assert.deepEqual(await take(flow, [order], kept, erasing), ["E-2 new"]);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    await flow.drain();
    await assertConsistent(flow);
  });
});

Deno.test("placeAndPublish() commits nothing where an erasure has begun since it read its customers", async () => {
  await withWorkflow("as_new_began", async (flow) => {
    const kept = aProcess();
    await take(flow, [anOrder("B-1", items, { customer: mara })], kept);
    const { db, looks } = watching(flow.db);
    const nobody = {
      customerIds: [],
      otherOrderIds: [],
      sameEmailIds: [],
      ids: [],
      names: [],
      emails: [],
    };
    const erasing = meddled(
      db,
      /lock in share mode/,
      () => insertErasure(flow.db, 1, nobody, anOperator("desk")),
    );
    const order = anOrder("B-2", items, { customer: another });
    assert.deepEqual(await take(flow, [order], kept, erasing), ["B-2 new"]);
    assert.equal(looks(), 1);
    const names = (await ordersOf(flow)).map((text) => text.split(" ")[0]);
    assert.deepEqual(names, ["B-1", "B-2"]);
  });
});

Deno.test("placeAndPublish() takes orders of customers and products that a replaced database lacks or has given to others", async () => {
  await withWorkflow("as_new_lost", async (flow) => {
    const clock = { ms: 0 };
    const kept = aProcess(clock);
    await take(flow, [anOrder("L-1", items, { customer: mara })], kept);
    for (const table of ["order_events", "order_items", "orders", "customers"]) {
      await flow.db.query(`delete from ${table}`);
    }
    assert.deepEqual(await take(flow, [anOrder("L-1", items, { customer: mara })], kept), [
      "L-1 new",
    ]);
    clock.ms += 1_000;
    for (const [from, to] of [["a", "aside"], ["b", "a"], ["aside", "b"]]) {
      await flow.db.query("update products set sku = ? where sku = ?", [to!, from!]);
    }
    assert.deepEqual(await take(flow, [anOrder("L-2", items, { customer: mara })], kept), [
      "L-2 new",
    ]);
    const bought = (await ordersOf(flow)).map((text) => text.split(" ")[4]);
    assert.equal(bought[1], "a:1,b:2");
  });
});

Deno.test("placeAndPublish() of several at once creates a customer once whom none of them knows", async () => {
  await withWorkflow("as_new_crowd", async (flow) => {
    const kept = aProcess();
    await take(flow, [anOrder("S-0", items)], kept);
    const sets = Array.from(
      { length: 8 },
      (_, set) =>
        Array.from({ length: 5 }, (_, at) =>
          anOrder(`S-${set}-${at}`, items, {
            customer: { externalId: `S-${(set + at) % 6}`, email: "s@example.com", name: "S" },
          })),
    );
    const outcomes = (await Promise.all(sets.map((set) => take(flow, set, kept)))).flat();
    assert.deepEqual(outcomes, sets.flat().map(({ externalOrderId }) => `${externalOrderId} new`));
    const [{ n }] = await flow.rows("select count(*) as n from customers where name = 'S'") as [
      { n: number },
    ];
    assert.equal(Number(n), 6);
    await flow.drain();
    await assertConsistent(flow);
  });
});
