/**
 * Orders as people look for them: by a word and by filters, from the newest down.
 *
 * @module
 */

import type { OrderStatus } from "../domain/order.ts";
import { type Queryable, toInteger } from "./database.ts";
import { type OrderSummary, readOrderSummaries } from "./order_queries.ts";

/** What is looked for; what is undefined does not matter. */
export interface OrderSearch {
  /** An order's id or external id, a customer's external id, name or e-mail, or a SKU. */
  text?: string;
  status?: OrderStatus;
  currency?: string;
  /** Earliest `placed_at`, UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  placedFrom?: string;
  /** Latest `placed_at`, included. */
  placedTo?: string;
  leastCents?: number;
  mostCents?: number;
}

/** A page of what was found. */
export interface FoundOrders {
  orders: OrderSummary[];
  /** Where the next page begins: ids below it; undefined where nothing more can follow. */
  nextBeforeId: number | undefined;
  /** True if the search stopped before the page was full, and is to go on by the next page. */
  stoppedEarly: boolean;
}

/** Ids that one page looks at without an index, so that a rare order never costs a whole table. */
const mostScanned = 200_000;

/** Most customers that a word may mean. */
const mostCustomers = 100;

/**
 * Looks for orders.
 *
 * A word is looked up by indexes alone. Filters without a word walk down the primary key; a page that found
 * too little after {@linkcode mostScanned} ids says so, and the next page goes on there.
 *
 * @param options.beforeId only ids below it; undefined for the start
 * @param options.limit most rows
 */
export async function searchOrders(
  db: Queryable,
  search: OrderSearch,
  options: { beforeId: number | undefined; limit: number },
): Promise<FoundOrders> {
  const { beforeId, limit } = options;
  if (search.text !== undefined) {
    const ids = await idsByWord(db, search, beforeId, limit + 1);
    const orders = await summariesOf(db, ids.slice(0, limit));
    const nextBeforeId = ids.length > limit ? ids[limit - 1] : undefined;
    return { orders, nextBeforeId, stoppedEarly: false };
  }
  const isOpen = search.status === "PENDING" || search.status === "RESERVED";
  const top = beforeId ?? await highestOrderId(db) + 1;
  // Open orders have an index of their own.
  const least = isOpen ? 0 : Math.max(0, top - mostScanned);
  const { sql, values } = conditionsOf(search);
  const rows = await db.query(
    `
    select orders.id
    from orders
    where orders.id < ? and orders.id >= ? ${isOpen ? "and orders.unfinished = 1" : ""} ${sql}
    order by orders.id desc
    limit ?`,
    [top, least, ...values, limit + 1],
  );
  const ids = rows.map((row) => toInteger(row.id));
  const orders = await summariesOf(db, ids.slice(0, limit));
  if (ids.length > limit) return { orders, nextBeforeId: ids[limit - 1], stoppedEarly: false };
  return least > 1
    ? { orders, nextBeforeId: least, stoppedEarly: true }
    : { orders, nextBeforeId: undefined, stoppedEarly: false };
}

/** Ids from the newest down, put together from every index that the word may be in. */
async function idsByWord(
  db: Queryable,
  search: OrderSearch,
  beforeId: number | undefined,
  limit: number,
): Promise<number[]> {
  const text = search.text!;
  const top = beforeId ?? Number.MAX_SAFE_INTEGER;
  const { sql, values } = conditionsOf(search);
  const found = new Set<number>();
  const add = async (statement: string, given: (string | number | number[])[]) => {
    for (const row of await db.query(statement, given)) found.add(toInteger(row.id));
  };
  const customers = await customersByWord(db, text);
  const id = /^#?([1-9]\d{0,15})$/.exec(text)?.[1];
  await Promise.all([
    add(
      `select orders.id from orders where orders.external_order_id = ? and orders.id < ? ${sql}`,
      [
        text,
        top,
        ...values,
      ],
    ),
    id !== undefined && Number.isSafeInteger(Number(id)) &&
    add(`select orders.id from orders where orders.id = ? and orders.id < ? ${sql}`, [
      Number(id),
      top,
      ...values,
    ]),
    customers.length > 0 && add(
      `
      select orders.id
      from orders
      where orders.customer_id in (?) and orders.id < ? ${sql}
      order by orders.id desc
      limit ?`,
      [customers, top, ...values, limit],
    ),
    add(
      `
      select distinct orders.id
      from products
      straight_join order_items on order_items.product_id = products.id
      straight_join orders on orders.id = order_items.order_id
      where products.sku = ? and order_items.order_id < ? ${sql}
      order by order_items.order_id desc
      limit ?`,
      [text, top, ...values, limit],
    ),
  ]);
  return [...found].sort((a, b) => b - a).slice(0, limit);
}

/** Customers with this external id or e-mail, or an e-mail that begins so. */
async function customersByWord(db: Queryable, text: string): Promise<number[]> {
  const escaped = text.replace(/[\\%_]/g, "\\$&");
  const rows = await db.query(
    `
    select id from customers where external_id = ?
    union
    select id from (select id from customers where email like ? order by email limit ?) by_email`,
    [text, `${escaped}%`, text.length < 3 ? 0 : mostCustomers],
  );
  return rows.map((row) => toInteger(row.id));
}

function conditionsOf(search: OrderSearch): { sql: string; values: (string | number)[] } {
  const conditions: [sql: string, value: string | number | undefined][] = [
    ["orders.status = ?", search.status],
    ["orders.currency = ?", search.currency],
    ["orders.placed_at >= ?", search.placedFrom],
    ["orders.placed_at <= ?", search.placedTo],
    ["orders.total_cents >= ?", search.leastCents],
    ["orders.total_cents <= ?", search.mostCents],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  return {
    sql: given.map(([sql]) => `and ${sql}`).join(" "),
    values: given.map(([, value]) => value!),
  };
}

async function highestOrderId(db: Queryable): Promise<number> {
  const [row] = await db.execute("select max(id) as id from orders");
  return row?.id === null || row === undefined ? 0 : toInteger(row.id);
}

async function summariesOf(db: Queryable, ids: readonly number[]): Promise<OrderSummary[]> {
  const byId = await readOrderSummaries(db, ids);
  return ids.flatMap((id) => byId.get(id) ?? []);
}
