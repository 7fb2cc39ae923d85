/**
 * What orders ran short of: those that failed, and those that wait for stock.
 *
 * @module
 */

import { retriedReason } from "../../domain/order/order.ts";
import type { OrderPlace } from "../../domain/order/reserve.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { listRows } from "../connection/insert_once.ts";

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
  const listed = listRows(
    "(?, ?, ?, (select placed_at from orders where id = ?), ?)",
    shortages.map(({ orderId, productId, missingQty, isWaiting }) => [
      orderId,
      productId,
      missingQty,
      orderId,
      isWaiting ? 1 : 0,
    ]),
  );
  await tx.runText(
    `
    insert into order_shortages (order_id, product_id, missing_qty, placed_at, waiting)
    values ${listed.sql}
    on duplicate key update missing_qty = values(missing_qty), waiting = values(waiting),
      placed_at = values(placed_at)`,
    listed.values,
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
    select products.id
    from products force index (primary)
    where products.id in (?) and (
      select queue.order_id
      from order_shortages queue force index (order_shortages_queue)
      where queue.waiting = 1 and queue.product_id = products.id
      limit 1) is not null`,
    [[...new Set(productIds)]],
  );
  return rows.map((row) => toInteger(row.id));
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
 * missing. The order by all columns of the index is for MySQL, which would sort otherwise, however many wait.
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
      order by queue.waiting, queue.product_id, queue.placed_at, queue.order_id
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

/** Which orders that ran short are meant; what is undefined does not matter. */
export interface ShortFilter {
  /** Only those that ran short of this product. */
  productId?: number;
  /** Only these. */
  ids?: readonly number[];
  /** Only ids up to this one. */
  upToId?: number;
}

/** Orders that failed for want of stock, in one currency. */
export interface ShortSum {
  currency: string;
  orders: number;
  cents: bigint;
  /** The highest id among them. */
  highestId: number;
}

/** How many orders failed for want of stock and can be taken up again, and their money. */
export async function sumShortOrders(db: Queryable, filter: ShortFilter): Promise<ShortSum[]> {
  const { from, where, values } = shortWay(filter);
  const rows = await db.query(
    `
    select orders.currency, count(*) as n, sum(orders.total_cents) as cents, max(orders.id) as highest
    from (
      select distinct order_shortages.order_id
      from ${from}
      where order_shortages.waiting = 0 ${where}
    ) short
    straight_join orders on orders.id = short.order_id
    where ${isShort}
    group by orders.currency
    order by orders.currency`,
    values,
  );
  return rows.map((row) => ({
    currency: String(row.currency),
    orders: toInteger(row.n),
    cents: BigInt(String(row.cents)),
    highestId: toInteger(row.highest),
  }));
}

/** A page of their ids, from the lowest up. */
export async function listShortOrders(
  db: Queryable,
  filter: ShortFilter,
  page: { afterId: number; limit: number },
): Promise<number[]> {
  const { from, where, values } = shortWay(filter);
  const rows = await db.query(
    `
    select order_shortages.order_id as id
    from ${from}
    straight_join orders on orders.id = order_shortages.order_id
    where order_shortages.waiting = 0 and order_shortages.order_id > ? ${where} and ${isShort}
    group by order_shortages.order_id
    order by order_shortages.order_id
    limit ?`,
    [page.afterId, ...values, page.limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/** The same of the newest, from an id down. */
export async function listLatestShortOrders(
  db: Queryable,
  filter: ShortFilter,
  page: { beforeId: number | undefined; limit: number },
): Promise<number[]> {
  const { from, where, values } = shortWay(filter);
  const rows = await db.query(
    `
    select order_shortages.order_id as id
    from ${from}
    straight_join orders on orders.id = order_shortages.order_id
    where order_shortages.waiting = 0 and order_shortages.order_id < ? ${where} and ${isShort}
    group by order_shortages.order_id
    order by order_shortages.order_id desc
    limit ?`,
    [page.beforeId ?? Number.MAX_SAFE_INTEGER, ...values, page.limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/** A page of all orders that failed for want of stock: those of before this was written down as well. Walks the table. */
export async function listFailedForStock(
  db: Queryable,
  page: { afterId: number; limit: number },
): Promise<number[]> {
  const rows = await db.query(
    `
    select id
    from orders force index (primary)
    where id > ? and ${isShort}
    order by id
    limit ?`,
    [page.afterId, page.limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/** True of an order that can go on: {@linkcode readGivingBack} has none of them. */
const isShort = `orders.status = 'FAILED' and orders.failure_reason = '${retriedReason}'
      and not exists (
        select 1 from payments where payments.order_id = orders.id and payments.status <> 'DECLINED'
      )
      and not exists (
        select 1 from archived_payments
        where archived_payments.order_id = orders.id and archived_payments.status <> 'DECLINED'
      )
      and not exists (
        select 1 from refunds where refunds.order_id = orders.id and refunds.status <> 'FAILED'
      )`;

function shortWay({ productId, ids, upToId }: ShortFilter) {
  const conditions: [sql: string, value: number | number[] | undefined][] = [
    ["order_shortages.product_id = ?", productId],
    ["order_shortages.order_id in (?)", ids === undefined ? undefined : [0, ...ids]],
    ["order_shortages.order_id <= ?", upToId],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  return {
    from: `order_shortages force index (${
      productId === undefined ? "order_shortages_once" : "order_shortages_product"
    })`,
    where: given.map(([sql]) => `and ${sql}`).join(" "),
    values: given.map(([, value]) => value!),
  };
}

/** What was missing of one product. */
export interface Shortage {
  sku: string;
  name: string;
  missingQty: number;
  /** True while the order waits for it. */
  isWaiting: boolean;
}

/** What orders ran short of, each in the order of SKUs; orders that did not are missing. */
export async function readShortages(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, Shortage[]>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select order_shortages.order_id, products.sku, products.name, order_shortages.missing_qty,
      order_shortages.waiting
    from order_shortages force index (order_shortages_once)
    straight_join products on products.id = order_shortages.product_id
    where order_shortages.order_id in (?)
    order by order_shortages.order_id, products.sku`,
    [[...orderIds]],
  );
  const byOrder = new Map<number, Shortage[]>();
  for (const row of rows) {
    const orderId = toInteger(row.order_id);
    const shortage = {
      sku: String(row.sku),
      name: String(row.name),
      missingQty: toInteger(row.missing_qty),
      isWaiting: toInteger(row.waiting) === 1,
    };
    const shortages = byOrder.get(orderId);
    if (shortages === undefined) byOrder.set(orderId, [shortage]);
    else shortages.push(shortage);
  }
  return byOrder;
}

/** Orders whose money is on its way back, or went back. */
export async function readGivingBack(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Set<number>> {
  if (orderIds.length === 0) return new Set();
  const rows = await db.query(
    `
    select order_id from payments where order_id in (?) and status <> 'DECLINED'
    union
    select order_id from refunds where order_id in (?) and status <> 'FAILED'`,
    [[...orderIds], [...orderIds]],
  );
  return new Set(rows.map((row) => toInteger(row.order_id)));
}
