import assert from "node:assert/strict";
import { readOrders } from "../../../db/orders/orders.ts";
import { searchOrders } from "../../../db/orders/order_search.ts";
import { readRetries } from "../../../db/orders/retries.ts";
import {
  awaitedAmong,
  listAwaitedInStock,
  listLatestShortOrders,
  listShortOrders,
  readQueue,
  readQueueHeads,
  readShortages,
  sumShortOrders,
} from "../../../db/orders/shortages.ts";
import { retryAllAndPublish } from "../../../services/orders/retry_orders.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { observeDatabase } from "../connection/observed_database.ts";
import { anOperator } from "../../operator.ts";

/** Failed orders, and half as many that wait: a hundred of each product. */
const filled = 4_000;

/** Rows that a statement may walk through: of each of a page of 50 a few that hang on it, where the tables hold thousands. */
const maxWalked = 300;

/** Many orders that ran short, of which those with even numbers wait. */
async function fill(flow: Workflow): Promise<number[]> {
  const products = filled / 100;
  await flow.add(
    Array.from({ length: products }, (_, n) => anOrder(`P${n}`, [{ sku: `sku ${n}`, qty: 1 }])),
    0,
  );
  const [like] = await flow.rows("select customer_id, content_hash from orders limit 1");
  await flow.db.run(
    `
    insert into orders (external_order_id, customer_id, status, failure_reason, currency,
      total_cents, content_hash, placed_at, settled_time, backordered)
    select concat('S', j.n), ?, if(j.n % 2 = 0, 'PENDING', 'FAILED'),
      if(j.n % 2 = 0, null, 'insufficient_stock'), 'EUR', 100, unhex(repeat('0', 32)),
      '2025-01-01', if(j.n % 2 = 0, '1000-01-01', '2025-01-02'), j.n % 2 = 0
    from json_table(?, '$[*]' columns (n int path '$')) j`,
    [
      Number(like!.customer_id),
      JSON.stringify(Array.from({ length: filled * 3 / 2 }, (_, n) => n)),
    ],
  );
  await flow.rows(`
    insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
    select orders.id, products.id, 100, 1, 100
    from orders
    join products on products.sku = concat('sku ', (orders.id div 2) % ${products})
    where orders.external_order_id like 'S%'`);
  await flow.rows(`
    insert into order_shortages (order_id, product_id, missing_qty, placed_at, waiting)
    select orders.id, order_items.product_id, 1, orders.placed_at, orders.backordered
    from orders
    join order_items on order_items.order_id = orders.id
    where orders.external_order_id like 'S%'`);
  const rows = await flow.rows("select id from products order by id");
  return rows.map(({ id }) => Number(id));
}

Deno.test("statements about shortages find their rows by an index, whatever the statistics say", async (t) => {
  const flow = await openWorkflow("shortages_plans", { onShortage: "wait" });
  try {
    const tables = ["orders", "order_shortages", "order_retries", "order_items", "products"];
    for (const table of tables) {
      await flow.db.query(`alter table ${table} stats_persistent = 1, stats_auto_recalc = 0`);
      await flow.db.query(`analyze table ${table}`);
    }
    const productIds = await fill(flow);
    const some = productIds.slice(0, 10);
    const look = async () => {
      const { db, sent } = observeDatabase(flow.db);
      assert.equal((await awaitedAmong(db, some)).length, 10);
      const [queued] = await readQueue(db, some[0]!, 50);
      const heads = await readQueueHeads(db, some, [queued!.id]);
      assert.equal(heads.size, 10);
      assert.notEqual(heads.get(some[0]!)!.orderId, queued!.id);
      const page = { afterId: 0, limit: 50 };
      const filter = { productId: some[0]! };
      const ids = await listShortOrders(db, filter, page);
      assert.ok(ids.length > 0);
      await listShortOrders(db, {}, page);
      for (const one of [filter, {}]) {
        await listLatestShortOrders(db, one, { beforeId: undefined, limit: 50 });
      }
      await sumShortOrders(db, { ...filter, ids });
      await readShortages(db, ids);
      const search = { shortOfId: some[0]!, failureReason: "insufficient_stock" as const };
      await searchOrders(db, search, { beforeId: undefined, limit: 50 });
      const seen = { ...flow, db };
      const { orders } = await retryAllAndPublish(seen, { kind: "ids", ids }, anOperator("test"));
      assert.equal(orders.length, ids.length);
      const retries = await readRetries(db, ids);
      const after = await readOrders(db, ids);
      const latest = new Map(retries.map(({ orderId, id }) => [orderId, id]));
      assert.deepEqual([...latest], ids.map((id) => [id, after.get(id)!.retryId]));
      await consumeOnce(makeConsumer({ ...flow, db }, flow.consumerOf("orders").options));
      return sent;
    };
    for (const statistics of ["stale", "fresh"]) {
      if (statistics === "fresh") {
        for (const table of tables) await flow.db.query(`analyze table ${table}`);
        await flow.rows(`update order_shortages set waiting = 0
          where order_id in (select id from orders where retries > 0)`);
        await flow.rows(`update orders set status = 'FAILED', backordered = 0,
          failure_reason = 'insufficient_stock', settled_time = '2025-01-02' where retries > 0`);
      }
      const sent = await look();
      await t.step(`with ${statistics} statistics nothing walks through a large table`, () => {
        assert.deepEqual(
          sent.filter(({ walked }) => walked > maxWalked).map(({ sql, walked }) => [walked, sql]),
          [],
        );
      });
    }
    // One look a minute: by the index, however many wait.
    assert.deepEqual(await listAwaitedInStock(flow.db), []);
  } finally {
    await flow.close();
  }
});
