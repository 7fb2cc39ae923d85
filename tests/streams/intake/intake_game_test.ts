import assert from "node:assert/strict";
import { LostCatalog } from "../../../db/catalog/catalog.ts";
import { keptCustomers } from "../../../db/catalog/kept_customers.ts";
import { keptProducts } from "../../../db/catalog/kept_products.ts";
import { type Database, openDatabase, type Queryable } from "../../../db/connection/database.ts";
import { type IncomingOrder, orderTotalOf } from "../../../domain/order/incoming_order.ts";
import { guestOf } from "../../../domain/order/guest.ts";
import { isEngineAway } from "../../../routes/middleware/problem.ts";
import { placeAndPublish } from "../../../services/orders/place_orders.ts";
import { type Random, randomFrom } from "../../../tools/orders/random.ts";
import { assertConsistent } from "../consistent.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

const processes = 3, setsOfEach = 30;

const skus = ["a", "A", "ä", "a\u0308", "x'y", "b\\c", "s1", "s2", "s3"];
const people: [id: string, email: string][] = [
  ["C-1", "ann@example.com"],
  ["c-1", "Ann@Example.com"],
  ["C-é", "é@example.com"],
  ["C-e\u0301", "e\u0301@example.com"],
  ["C-ß", "straße@example.com"],
  ["C-ss", "strasse@example.com"],
  ["1", "one@example.com"],
  ["01", "ONE@example.com"],
];

const below = (random: Random, end: number) => random.integer(0, end - 1);

/** An order, in one of two contents; the same one again is always the same. */
function orderOf(number: number, content: number): IncomingOrder {
  const random = randomFrom(number * 2 + content + 1);
  const [externalId, email] = random.pick(people);
  const name = `Name ${externalId}`;
  const id = `G-${number}`;
  const items = Array.from({ length: 1 + below(random, 3) }, () => ({
    sku: random.pick(skus),
    name: `N${below(random, 3)}`,
    unitPriceCents: 2 * below(random, 500),
    qty: 1 + below(random, 5),
  }));
  return {
    ...anOrder(id, [], {
      placedAt: `20${10 + below(random, 15)}-03-01 12:00:00.000`,
      customer: below(random, 6) === 0
        ? guestOf(below(random, 2) === 0 ? email : email.toUpperCase(), name, id)
        : { externalId, email: below(random, 5) === 0 ? "gift@example.com" : email, name },
    }),
    items,
  };
}

/** An answer that somebody got. */
interface Told {
  number: number;
  content: number;
  outcome: string;
  id: number;
  totalCents: number;
}

/** A process that takes sets of orders, some of which others bring as well, and twice itself. */
async function bring(flow: Workflow, db: Database, seed: number, told: Told[]): Promise<void> {
  const random = randomFrom(seed);
  const kept = { products: keptProducts(), customers: keptCustomers() };
  const config = { initialStock: 1_000_000, unknownSku: "create", erasureSecret: "" } as const;
  for (let set = 0; set < setsOfEach; set++) {
    const brought = Array.from({ length: 1 + below(random, 8) }, () => {
      const number = set * 10 + below(random, 30);
      const content = below(random, 10) === 0 ? 1 : 0;
      return { number, content, order: orderOf(number, content), actor: `p${seed}` };
    });
    const placed = await placeAndPublish({ ...flow, db, config }, brought, kept)
      .catch((error) => {
        // Its connections are cut again and again, and on a slow machine ids change as fast as it reads them.
        assert.ok(isEngineAway(error) || error instanceof LostCatalog, String(error?.stack));
        return [];
      });
    for (const [at, answer] of placed.entries()) {
      if (answer.outcome !== "new" && answer.outcome !== "unchanged") continue;
      const { number, content, order } = brought[at]!;
      const { id, totalCents, externalOrderId } = answer.order;
      assert.equal(externalOrderId, order.externalOrderId);
      told.push({ number, content, outcome: answer.outcome, id, totalCents });
    }
  }
}

/** Two rows of a table get each other's ids, and whatever names them with it. */
async function swapIds(
  tx: Queryable,
  { table, key, names, columns, others }: {
    table: string;
    key: string;
    names: [string, string];
    columns: string[];
    others: [table: string, column: string][];
  },
): Promise<void> {
  const all = [key, ...columns];
  const [a, b] = await tx.query(
    `select id, ${all.join(", ")} from ${table} where ${key} in (?) order by id for update`,
    [names],
  ) as Record<string, string>[];
  if (a === undefined || b === undefined) return;
  await tx.query(`update ${table} set ${key} = concat('~', id) where id in (?)`, [[a.id!, b.id!]]);
  for (const [row, id] of [[a, b.id!], [b, a.id!]] as const) {
    const set = all.map((column) => `${column} = ?`).join(", ");
    await tx.runText(`update ${table} set ${set} where id = ?`, [
      ...all.map((column) => row[column]!),
      id,
    ]);
  }
  for (const [other, column] of others) {
    await tx.runText(
      `update ${other} set ${column} = if(${column} = ?, ?, ?) where ${column} in (?, ?)`,
      [a.id!, b.id!, a.id!, a.id!, b.id!],
    );
  }
}

/** Cuts connections, calls products something else, and has them get others' ids, as a database may that takes another's place. */
async function meddle(flow: Workflow, isOver: () => boolean): Promise<void> {
  const random = randomFrom(7);
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, below(random, 60)));
    const [sku, other] = [random.pick(skus), random.pick(skus)];
    const what = below(random, 3);
    if (what === 0) {
      const [row] = await flow.rows(`
        select id from information_schema.processlist
        where db = database() and id <> connection_id() order by rand() limit 1`);
      if (row !== undefined) await flow.db.query(`kill ${Number(row.id)}`).catch(() => {});
    } else if (what === 1) {
      await flow.db.run(
        "update products set name = 'Other', price_cents = ?, described_by = '2020-01-01 x' where sku = ?",
        [below(random, 100), sku],
      ).catch(() => {});
    } else if (what === 2 && sku !== other) {
      const columns = ["name", "price_cents", "described_by", "stock_qty", "received_qty"];
      await flow.db.transaction((tx) =>
        swapIds(tx, {
          table: "products",
          key: "sku",
          names: [sku, other],
          columns,
          others: [["order_items", "product_id"], ["stock_movements", "product_id"]],
        })
      );
    }
  }
}

/** What an order says, as its rows and as itself. */
async function storedOrders(flow: Workflow): Promise<Map<number, { id: number; text: string }>> {
  const rows = await flow.rows(`
    select orders.id, external_order_id, total_cents, customers.external_id, recipient_name, recipient_email,
      (select count(*) from order_events where order_id = orders.id and event = 'created') as steps,
      (select group_concat(concat(sku, '*', order_items.qty, '*', unit_price_cents) order by order_items.id)
        from order_items join products on products.id = product_id where order_id = orders.id) as items
    from orders join customers on customers.id = orders.customer_id`);
  assert.deepEqual(rows.filter(({ steps }) => Number(steps) !== 1), []);
  return new Map(rows.map((row) => [Number(String(row.external_order_id).slice(2)), {
    id: Number(row.id),
    text: [row.total_cents, row.external_id, row.recipient_name, row.recipient_email, row.items]
      .join(" "),
  }]));
}

function textOf(order: IncomingOrder): string {
  const { customer: { externalId, name, email }, items } = order;
  const texts = items.map(({ sku, qty, unitPriceCents }) => [sku, qty, unitPriceCents].join("*"));
  return [orderTotalOf(order), externalId, name, email, texts].join(" ");
}

Deno.test("orders that several processes bring are there once, as they were told, whatever becomes of connections and ids", async () => {
  await withWorkflow("intake_game", async (flow) => {
    const told: Told[] = [];
    const dbs = await Promise.all(
      Array.from({ length: processes }, () => openDatabase(flow.test.databaseUrl)),
    );
    let isOver = false;
    try {
      await Promise.all([
        Promise.all(dbs.map((db, at) => bring(flow, db, at + 1, told)))
          .finally(() => isOver = true),
        meddle(flow, () => isOver),
      ]);
    } finally {
      await Promise.all(dbs.map((db) => db.close()));
    }
    const stored = await storedOrders(flow);
    const contents = new Map<number, number>();
    for (const { number, content, id, totalCents } of told) {
      const order = orderOf(number, content);
      assert.equal(totalCents, orderTotalOf(order));
      assert.equal(stored.get(number)?.id, id, order.externalOrderId);
      contents.set(number, content);
    }
    for (const [number, { text }] of stored) {
      const wanted = contents.has(number) ? [contents.get(number)!] : [0, 1];
      const content = wanted.find((content) => textOf(orderOf(number, content)) === text);
      assert.ok(content !== undefined, `${number} is ${text}`);
      contents.set(number, content);
    }
    assert.ok(told.some(({ outcome }) => outcome === "unchanged"));
    const news = told.filter(({ outcome }) => outcome === "new").map(({ number }) => number);
    assert.equal(new Set(news).size, news.length, "told as new once");
    // Those whose answers were lost are not on the stream.
    await flow.add([...stored.keys()].map((number) => orderOf(number, contents.get(number)!)));
    await flow.drain();
    await assertConsistent(flow);
  });
});
