/**
 * Files that name the same customers and products, taken at the same time.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Database } from "../db/connection/database.ts";
import type { IncomingOrder } from "../domain/order/incoming_order.ts";
import { takeOrders } from "../streams/intake/take_orders.ts";
import { publish } from "../streams/workflow/publish.ts";
import { anOrder, type Workflow } from "./workflow.ts";

const files = 8;
const ordersOfFile = 300;
const ordersAtOnce = 60;

/** As many customers as products. */
const customers = 400;

/** Orders of one file; every file names the same customers and products in another order. */
function fileOf(at: number): IncomingOrder[] {
  return Array.from({ length: ordersOfFile }, (_, order) => {
    const which = (order * 7 + at * 11) % customers;
    const id = `${which}`;
    return anOrder(`file ${at} ${order}`, [
      { sku: `s${which}`, qty: 1, unitPriceCents: 100 },
      { sku: `s${(which * 3 + 1) % customers}`, qty: 2, unitPriceCents: 50 },
    ], { customer: { externalId: id, email: `${id}@example.com`, name: id } });
  });
}

export function* batchesOf<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}

/** Takes and publishes all files at once, in turns by each of the databases, and asserts that nothing is missing or elsewhere. */
export async function importAtOnce(flow: Workflow, dbs: readonly Database[]): Promise<void> {
  const all = Array.from({ length: files }, (_, at) => fileOf(at));
  await Promise.all(all.map((file, at) => takeFile(flow, dbs[at % dbs.length]!, file)));
  const [found] = await flow.rows(`
    select
      (select count(*) from orders) as orders,
      (select count(*) from customers) as customers,
      (select count(*) from products) as products,
      (select count(*) from order_items) as items,
      (select count(distinct order_id) from order_events where event = 'created') as created,
      (select count(*) from order_events where event = 'created') as steps`);
  const orders = files * ordersOfFile;
  assert.deepEqual(found, {
    orders,
    customers,
    products: customers,
    items: 2 * orders,
    created: orders,
    steps: orders,
  });
  for (const order of all.flat()) await assertContents(flow, order);
}

async function takeFile(flow: Workflow, db: Database, file: IncomingOrder[]): Promise<void> {
  const options = { initialStock: 5_000, onPendingChange: "update", actor: "test" } as const;
  for (const batch of batchesOf(file, ordersAtOnce)) {
    const taken = await takeOrders(db, batch, options);
    assert.deepEqual(new Set(taken.map(({ outcome }) => outcome)), new Set(["new"]));
    await publish(
      flow,
      taken.map((order) => ({
        message: {
          type: "order.reserve",
          orderId: order.orderId!,
          amountCents: order.totalCents,
          currency: order.currency,
        },
      })),
    );
  }
}

/** One in fifty is looked at: whose it is, and of what. */
async function assertContents(flow: Workflow, order: IncomingOrder): Promise<void> {
  if (Number(order.externalOrderId.split(" ").at(-1)) % 50 !== 0) return;
  const rows = await flow.rows(
    `
    select customers.external_id as customer, products.sku, order_items.qty
    from orders
    join customers on customers.id = orders.customer_id
    join order_items on order_items.order_id = orders.id
    join products on products.id = order_items.product_id
    where orders.external_order_id = ?
    order by order_items.id`,
    [order.externalOrderId],
  );
  assert.deepEqual(
    new Set(rows.map((row) => JSON.stringify(row))),
    new Set(
      order.items.map(({ sku, qty }) =>
        JSON.stringify({ customer: order.customer.externalId, sku, qty })
      ),
    ),
  );
}
