/**
 * What orders ran short of: those that failed, and those that wait for stock.
 *
 * @module
 */

import type { OrderPlace } from "../../domain/order/reserve.ts";
import { type Queryable, toInteger } from "../connection/database.ts";

/** Units that were missing for an order. */
export interface ShortageRow {
  orderId: number;
  productId: number;
  missingQty: number;
  /** True while the order waits for them. */
  isWaiting: boolean;
}

/** Writes what locked orders ran short of; rows that they have already stay, with the new numbers. */
export async function writeShortages(
  tx: Queryable,
  shortages: readonly ShortageRow[],
): Promise<void> {
  if (shortages.length === 0) return;
  await tx.run(
    `
    insert into order_shortages (order_id, product_id, missing_qty, placed_at, waiting)
    select short.order_id, short.product_id, short.missing_qty, orders.placed_at, short.waiting
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      product_id bigint unsigned path '$[1]',
      missing_qty bigint path '$[2]',
      waiting int path '$[3]')) short
    straight_join orders on orders.id = short.order_id
    on duplicate key update missing_qty = values(missing_qty), waiting = values(waiting),
      placed_at = values(placed_at)`,
    [JSON.stringify(
      shortages.map(({ orderId, productId, missingQty, isWaiting }) => [
        orderId,
        productId,
        missingQty,
        isWaiting ? 1 : 0,
      ]),
    )],
  );
}

/** Deletes all of what locked orders ran short of. */
export async function deleteShortages(tx: Queryable, orderIds: readonly number[]): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.runText("delete from order_shortages where order_id in (?)", [
    orderIds.toSorted((a, b) => a - b),
  ]);
}

/** The products that orders wait for. */
export async function readAwaited(
  db: Queryable,
  orderIds: readonly number[],
): Promise<{ orderId: number; productId: number }[]> {
  if (orderIds.length === 0) return [];
  const rows = await db.query(
    `
    select order_id, product_id
    from order_shortages force index (order_shortages_once)
    where order_id in (?) and waiting = 1`,
    [[...orderIds]],
  );
  return rows.map((row) => ({
    orderId: toInteger(row.order_id),
    productId: toInteger(row.product_id),
  }));
}

/** Which of some products orders wait for; one look-up by index for each. */
export async function awaitedAmong(
  db: Queryable,
  productIds: readonly number[],
): Promise<number[]> {
  if (productIds.length === 0) return [];
  const rows = await db.query(
    `
    select product_id
    from order_shortages force index (order_shortages_queue)
    where waiting = 1 and product_id in (?)
    group by product_id`,
    [[...new Set(productIds)]],
  );
  return rows.map((row) => toInteger(row.product_id));
}

/** The products that orders wait for although there are units of them. */
export async function listAwaitedInStock(db: Queryable): Promise<number[]> {
  const rows = await db.query(`
    select awaited.product_id
    from (
      select product_id
      from order_shortages force index (order_shortages_queue)
      where waiting = 1
      group by product_id
    ) awaited
    straight_join products on products.id = awaited.product_id
    where products.stock_qty > 0
    order by awaited.product_id`);
  return rows.map((row) => toInteger(row.product_id));
}

/**
 * The first of the orders that wait for each product, some left out; products that nobody else waits for are
 * missing.
 *
 * @param except ids of orders
 */
export async function readQueueHeads(
  db: Queryable,
  productIds: readonly number[],
  except: readonly number[],
): Promise<Map<number, OrderPlace>> {
  if (productIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select product.id, (
      select concat(queue.placed_at, ' ', queue.order_id)
      from order_shortages queue force index (order_shortages_queue)
      where queue.waiting = 1 and queue.product_id = product.id and queue.order_id not in (?)
      order by queue.placed_at, queue.order_id
      limit 1) as head
    from json_table(?, '$[*]' columns (id bigint unsigned path '$')) product`,
    [except.length === 0 ? [0] : [...except], JSON.stringify([...new Set(productIds)])],
  );
  const heads = new Map<number, OrderPlace>();
  for (const { id, head } of rows) {
    if (head === null) continue;
    const [day, time, orderId] = String(head).split(" ");
    heads.set(toInteger(id), { orderId: toInteger(orderId!), placedAt: `${day} ${time}` });
  }
  return heads;
}

/** When orders were placed. */
export async function readPlaces(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, OrderPlace>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    "select id, placed_at from orders force index (primary) where id in (?)",
    [[...orderIds]],
  );
  return new Map(rows.map((row) => {
    const orderId = toInteger(row.id);
    return [orderId, { orderId, placedAt: String(row.placed_at) }];
  }));
}

/** An order that waits for a product. */
export interface QueuedOrder {
  id: number;
  totalCents: number;
  currency: string;
  /** Units of the product that it needs. */
  qty: number;
}

/** The first of the orders that wait for a product, in their turn. */
export async function readQueue(
  db: Queryable,
  productId: number,
  limit: number,
): Promise<QueuedOrder[]> {
  const rows = await db.query(
    `
    select orders.id, orders.total_cents, orders.currency, sum(order_items.qty) as qty
    from (
      select order_id, placed_at
      from order_shortages force index (order_shortages_queue)
      where waiting = 1 and product_id = ?
      order by placed_at, order_id
      limit ?
    ) queue
    straight_join orders on orders.id = queue.order_id
    straight_join order_items force index (order_items_order)
      on order_items.order_id = orders.id and order_items.product_id = ?
    group by orders.id, orders.total_cents, orders.currency, queue.placed_at
    order by queue.placed_at, orders.id`,
    [productId, limit, productId],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    totalCents: toInteger(row.total_cents),
    currency: String(row.currency),
    qty: toInteger(row.qty),
  }));
}

/** How many orders wait for stock, and their money by currency. */
export async function sumBackordered(
  db: Queryable,
): Promise<{ currency: string; orders: number; cents: bigint }[]> {
  const rows = await db.query(`
    select orders.currency, count(*) as n, sum(orders.total_cents) as cents
    from (
      select order_id
      from order_shortages force index (order_shortages_queue)
      where waiting = 1
      group by order_id
    ) waiting
    straight_join orders on orders.id = waiting.order_id
    group by orders.currency
    order by orders.currency`);
  return rows.map((row) => ({
    currency: String(row.currency),
    orders: toInteger(row.n),
    cents: BigInt(String(row.cents)),
  }));
}
