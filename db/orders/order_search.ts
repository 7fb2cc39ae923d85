/**
 * Orders as people and programs look for them: by a word and by filters, from the newest down.
 *
 * @module
 */

import type { FailureReason, OrderStatus } from "../../domain/order/order.ts";
import { archivedForm } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { type OrderSummary, readOrderSummaries } from "./order_queries.ts";

/** What is looked for; what is undefined does not matter. */
export interface OrderSearch {
  /**
   * An order's id or external id, a customer's external id, the e-mail that an order was placed with, or a SKU; three
   * characters or more may be the beginning of an e-mail.
   */
  text?: string;
  /** Exactly this external id. */
  externalOrderId?: string;
  status?: OrderStatus;
  failureReason?: FailureReason;
  /** Whether it waits for stock. */
  backordered?: boolean;
  /** Database id of a product that it ran short of, and was not taken up again since. */
  shortOfId?: number;
  /** Database id. */
  customerId?: number;
  /** Only orders that an import has created, see `db/imports/imported_orders.ts`. */
  importedBy?: ImportedOrders;
  currency?: string;
  /** Earliest `placed_at`, UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  placedFrom?: string;
  /** Latest `placed_at`, included. */
  placedTo?: string;
  /** Settled at this time or later, UTC. */
  settledFrom?: string;
  /** Settled before this time. */
  settledBefore?: string;
  minCents?: number;
  maxCents?: number;
}

/** Where the orders are that an import has created. */
export interface ImportedOrders {
  /** Who created them, as their timelines say. */
  actor: string;
  /** The ids from here on. */
  fromId: number;
  /** The ids below this one. */
  beforeId: number;
}

/** A page of what was found. */
export interface FoundOrders {
  orders: OrderSummary[];
  /** Where the next page begins: ids below it; undefined where nothing more can follow. */
  nextBeforeId: number | undefined;
  /** True if the search stopped before the page was full, and is to go on by the next page. */
  stoppedEarly: boolean;
  /** True if more e-mail addresses than {@linkcode maxAddresses} begin so: the others are left out. */
  leavesAddressesOut: boolean;
}

/** How much a page may read. */
export interface SearchLimits {
  /** Ids of the primary key that are walked through. */
  walked: number;
  /** Entries of other indexes whose rows are looked up one by one. */
  lookedUp: number;
}

/**
 * What one page reads at the most, so that a rare order never costs a whole table. No index on status or time is there to be walked instead: the drain
 * and the import would have to keep it up at every order.
 */
const searchLimits: SearchLimits = { walked: 100_000, lookedUp: 20_000 };

/** Characters from which on a word may be the beginning of an e-mail. */
const minBeginningLength = 3;

/**
 * Most addresses that the beginning of an e-mail may mean, of those that customers were first known by and of
 * others: each is a way of its own through the orders.
 */
export const maxAddresses = 100;

/**
 * Looks for orders, from the newest id down.
 *
 * A word, a customer or what was missing is looked up by indexes, open orders by the index of unfinished ones, and any other
 * filter walks down the primary key. A page that found too little within {@linkcode searchLimits} is short and
 * says where to go on. None is passed over, but where the beginning of an e-mail means more than
 * {@linkcode maxAddresses}: then every page says so.
 *
 * @param options.beforeId only ids below it; undefined for the start
 * @param options.limit most rows
 * @param options.limits how much may be read
 */
export async function searchOrders(
  db: Queryable,
  search: OrderSearch,
  options: { beforeId: number | undefined; limit: number; limits?: SearchLimits },
): Promise<FoundOrders> {
  const { beforeId, limit, limits = searchLimits } = options;
  const { ways, leavesAddressesOut } = search.text === undefined
    ? { ways: [wayOf(search)], leavesAddressesOut: false }
    : await waysOfWord(db, search.text, search.customerId);
  const conditions = conditionsOf(search);
  const { top, floor } = await reach(db, ways, beforeId ?? Number.MAX_SAFE_INTEGER, {
    limits,
    conditions,
  });
  const found = await unite(
    db,
    ways.map((way) => idsBetween(way, { top, floor, conditions, limit: limit + 1 })),
  );
  const ids = [...new Set(found)].sort((a, b) => b - a);
  const byId = await readOrderSummaries(db, ids.slice(0, limit));
  const orders = ids.slice(0, limit).flatMap((id) => byId.get(id) ?? []);
  if (ids.length > limit) {
    return { orders, nextBeforeId: ids[limit - 1], stoppedEarly: false, leavesAddressesOut };
  }
  return floor > 0
    ? { orders, nextBeforeId: floor, stoppedEarly: true, leavesAddressesOut }
    : { orders, nextBeforeId: undefined, stoppedEarly: false, leavesAddressesOut };
}

/** Which of some orders a search is about. */
export async function findMatching(
  db: Queryable,
  search: Omit<OrderSearch, "text">,
  ids: readonly number[],
): Promise<Set<number>> {
  const { sql, values } = conditionsOf(search, true);
  if (sql === "" || ids.length === 0) return new Set(ids);
  const rows = await db.query(
    `
    select orders.id
    from orders force index (primary)
    where orders.id in (?) ${sql}`,
    [[...ids], ...values],
  );
  return new Set(rows.map((row) => toInteger(row.id)));
}

/** An index by which orders are found, from the newest id down. */
interface Way {
  /** Tables, with the index that is to be used. */
  from: string;
  /** The column with the order's id, in that index. */
  id: string;
  /** What holds for all that the way leads to; empty for all orders. */
  where: string;
  /** What has to hold for an order's row besides, and is not in the index; empty for nothing. */
  filter: string;
  values: (string | number)[];
  /** Joins the orders' rows where the index is another table's. */
  join: string;
  /** `distinct` where an order may be met more than once. */
  once: "distinct" | "";
}

const primaryKey: Way = {
  from: "orders force index (primary)",
  id: "orders.id",
  where: "",
  filter: "",
  values: [],
  join: "",
  once: "",
};

function wayOf(
  { customerId, status, backordered, shortOfId, importedBy, externalOrderId }: OrderSearch,
): Way {
  if (externalOrderId !== undefined) return wayOfExternalId(externalOrderId);
  if (importedBy !== undefined) {
    return {
      ...primaryKey,
      where: "and orders.id >= ? and orders.id < ?",
      values: [importedBy.fromId, importedBy.beforeId],
    };
  }
  if (shortOfId !== undefined) {
    return {
      ...primaryKey,
      from: "order_shortages force index (order_shortages_product)",
      id: "order_shortages.order_id",
      where: "and order_shortages.product_id = ?",
      values: [shortOfId],
      join: "straight_join orders on orders.id = order_shortages.order_id",
    };
  }
  if (customerId !== undefined) return wayOfCustomer(customerId);
  // What waits for stock is PENDING.
  if (status !== "PENDING" && status !== "RESERVED" && !backordered) return primaryKey;
  return {
    ...primaryKey,
    from: "orders force index (orders_unfinished)",
    where: "and orders.unfinished = 1",
  };
}

function wayOfExternalId(externalOrderId: string): Way {
  return {
    ...primaryKey,
    from: "orders force index (orders_external_order_id)",
    where: "and orders.external_order_id = ?",
    values: [externalOrderId],
  };
}

function wayOfCustomer(customerId: number): Way {
  return {
    ...primaryKey,
    from: "orders force index (orders_customer)",
    where: "and orders.customer_id = ?",
    values: [customerId],
  };
}

/** Of orders that were placed with the address that their customer was first known by. */
const withFirstEmail = `and (orders.recipient_email is not null or orders.recipient_name is null)
  and not exists (select 1 from order_addresses where order_addresses.order_id = orders.id)`;

/** To the orders that were placed with what their customer was first known by. */
function wayOfFirstEmail(customerId: number): Way {
  return { ...wayOfCustomer(customerId), filter: withFirstEmail };
}

/** The same of all customers that were first known by one address. */
function wayOfSharedEmail(email: string): Way {
  return {
    ...primaryKey,
    from: "customers force index (customers_first_email) " +
      "straight_join orders force index (orders_customer) on orders.customer_id = customers.id",
    where: "and customers.first_email = ?",
    filter: withFirstEmail,
    values: [email],
  };
}

function wayOfRecipient(email: string): Way {
  return {
    ...primaryKey,
    from: "order_addresses force index (order_addresses_email)",
    id: "order_addresses.order_id",
    where: "and order_addresses.email = ?",
    values: [email],
    join: "straight_join orders on orders.id = order_addresses.order_id",
  };
}

/** @param form where the items are: as they are called there */
function wayOfProduct(productId: number, form: (sql: string) => string): Way {
  return {
    ...primaryKey,
    from: form("order_items force index (order_items_product)"),
    id: form("order_items.order_id"),
    where: form("and order_items.product_id = ?"),
    values: [productId],
    join: form("straight_join orders on orders.id = order_items.order_id"),
    once: "distinct",
  };
}

/** Every index that a word may be in. */
async function waysOfWord(
  db: Queryable,
  text: string,
  customerId: number | undefined,
): Promise<{ ways: Way[]; leavesAddressesOut: boolean }> {
  const id = Number(/^#?([1-9]\d{0,15})$/.exec(text)?.[1]);
  const [customers, firstKnown, emails, products] = await Promise.all([
    db.query("select id from customers where external_id = ?", [text]),
    waysOfFirstEmails(db, text),
    recipientEmails(db, text),
    db.execute("select id from products where sku = ?", [text]),
  ]);
  const ways: Way[] = [
    wayOfExternalId(text),
    ...(Number.isSafeInteger(id)
      ? [{ ...primaryKey, where: "and orders.id = ?", values: [id] }]
      : []),
    ...customers
      .map((row) => toInteger(row.id))
      .filter((customer) => customerId === undefined || customer === customerId)
      .map(wayOfCustomer),
    ...firstKnown.ways,
    ...emails.slice(0, maxAddresses).map(wayOfRecipient),
    ...products.flatMap((row) => [
      wayOfProduct(toInteger(row.id), (sql) => sql),
      wayOfProduct(toInteger(row.id), archivedForm),
    ]),
  ];
  return {
    ways,
    leavesAddressesOut: firstKnown.leavesAddressesOut || emails.length > maxAddresses,
  };
}

/**
 * How far down one page may go.
 *
 * @returns the ids from `floor` to below `top`; a floor above 0 means that more may follow below it
 */
async function reach(
  db: Queryable,
  ways: readonly Way[],
  top: number,
  { limits, conditions }: { limits: SearchLimits; conditions: Conditions },
): Promise<{ top: number; floor: number }> {
  // Where everything on the ways fits, the page itself is the limit.
  const isWhole = conditions.sql === "" && ways.every(({ filter }) => filter === "");
  if (isWhole) return { top, floor: 0 };
  if (ways[0] === primaryKey) {
    // Ids that were never given to an order, at whose edge a page began, are jumped over.
    const [highest] = await unite(db, [idAt(primaryKey, top, 0)]);
    if (highest === undefined) return { top, floor: 0 };
    const below = highest + 1 - limits.walked;
    const [next] = below <= 0 ? [] : await unite(db, [idAt(primaryKey, below, 0)]);
    return { top: highest + 1, floor: next === undefined ? 0 : next + 1 };
  }
  // Above the highest of the ends every way is gone to its end.
  const entries = Math.max(1, Math.floor(limits.lookedUp / ways.length));
  const ends = await unite(db, ways.map((way) => idAt(way, top, entries)));
  return { top, floor: ends.length === 0 ? 0 : Math.max(...ends) + 1 };
}

/** A select of ids. */
interface Select {
  sql: string;
  values: (string | number)[];
}

/** The id so many entries down a way; none where it is not so long. */
function idAt({ from, id, where, values, once }: Way, top: number, entries: number): Select {
  return {
    sql: `
    select ${once} ${id} as id
    from ${from}
    where ${id} < ? ${where}
    order by ${id} desc
    limit 1 offset ?`,
    values: [top, ...values, entries],
  };
}

/** The highest ids on a way. */
function idsBetween(
  { from, id, where, filter, values, join, once }: Way,
  options: { top: number; floor: number; conditions: Conditions; limit: number },
): Select {
  const { top, floor, conditions, limit } = options;
  return {
    sql: `
    select ${once} ${id} as id
    from ${from}
    ${conditions.sql === "" ? "" : join}
    where ${id} < ? and ${id} >= ? ${where} ${filter} ${conditions.sql}
    order by ${id} desc
    limit ?`,
    values: [top, floor, ...values, ...conditions.values, limit],
  };
}

/** The ids of several selects by one statement, however many customers a word means. */
async function unite(db: Queryable, selects: readonly Select[]): Promise<number[]> {
  const rows = await db.query(
    selects.length === 1
      ? selects[0]!.sql
      : selects.map(({ sql }) => `(${sql})`).join(" union all "),
    selects.flatMap(({ values }) => values),
  );
  return rows.map((row) => toInteger(row.id));
}

/** Ways to the orders that were placed with what their customer was first known by, where that begins so. */
async function waysOfFirstEmails(
  db: Queryable,
  text: string,
): Promise<{ ways: Way[]; leavesAddressesOut: boolean }> {
  if (text.length < minBeginningLength) return { ways: [], leavesAddressesOut: false };
  const begins = [beginning(text), maxAddresses + 1];
  const customers = await db.query(
    `
    select id
    from customers force index (customers_first_email)
    where first_email like ?
    order by first_email, id
    limit ?`,
    begins,
  );
  if (customers.length <= maxAddresses) {
    const ways = customers.map(({ id }) => wayOfFirstEmail(toInteger(id)));
    return { ways, leavesAddressesOut: false };
  }
  // Many customers may share an address, as that of a counter where it is not asked for.
  const emails = await db.query(
    `
    select first_email
    from customers force index (customers_first_email)
    where first_email like ?
    group by first_email
    order by first_email
    limit ?`,
    begins,
  );
  const ways = emails.slice(0, maxAddresses).map((row) =>
    wayOfSharedEmail(String(row.first_email))
  );
  return { ways, leavesAddressesOut: emails.length > maxAddresses };
}

/** A pattern for what begins so. */
function beginning(text: string): string {
  return `${text.replace(/[\\%_]/g, "\\$&")}%`;
}

/**
 * The other addresses of orders that begin so, and one more than {@linkcode maxAddresses} where there are more. Both
 * engines jump from one address to the next in the index, however many orders each has.
 */
async function recipientEmails(db: Queryable, text: string): Promise<string[]> {
  if (text.length < minBeginningLength) return [];
  const rows = await db.query(
    `
    select email
    from order_addresses force index (order_addresses_email)
    where email like ?
    group by email
    order by email
    limit ?`,
    [beginning(text), maxAddresses + 1],
  );
  return rows.map((row) => String(row.email));
}

/** What a search asks for beside the way that it takes. */
interface Conditions {
  /** Empty where there is nothing. */
  sql: string;
  values: (string | number)[];
}

/** @param isWayless true where no way leads to the orders, so that nothing is said by it */
function conditionsOf(search: OrderSearch, isWayless = false): Conditions {
  // What is the way needs no condition: an external id goes before an import, that before what was missing, that before
  // the customer; and a word before all of them.
  const byWord = isWayless || search.text !== undefined;
  const byId = search.externalOrderId !== undefined;
  const byImport = search.importedBy !== undefined;
  const isShort =
    "exists (select 1 from order_shortages where order_shortages.order_id = orders.id " +
    "and order_shortages.product_id = ?)";
  const creator = "(select order_events.actor from order_events force index (order_events_order) " +
    "where order_events.order_id = orders.id and order_events.event = 'created' " +
    "order by order_events.id limit 1)";
  const isImported = `? = coalesce(${creator}, ${archivedForm(creator)})`;
  const conditions: [sql: string, value: string | number | undefined][] = [
    ["orders.status = ?", search.status],
    ["orders.failure_reason = ?", search.failureReason],
    [
      "orders.backordered = ?",
      search.backordered === undefined ? undefined : Number(search.backordered),
    ],
    ["orders.external_order_id = ?", byWord ? search.externalOrderId : undefined],
    ["orders.id >= ?", byWord || byId ? search.importedBy?.fromId : undefined],
    ["orders.id < ?", byWord || byId ? search.importedBy?.beforeId : undefined],
    [isShort, byWord || byId || byImport ? search.shortOfId : undefined],
    [
      "orders.customer_id = ?",
      byWord || byId || byImport || search.shortOfId !== undefined ? search.customerId : undefined,
    ],
    [isImported, search.importedBy?.actor],
    ["orders.currency = ?", search.currency],
    ["orders.placed_at >= ?", search.placedFrom],
    ["orders.placed_at <= ?", search.placedTo],
    ["orders.settled_time >= ?", search.settledFrom],
    ["orders.settled_time < ?", search.settledBefore],
    ["orders.total_cents >= ?", search.minCents],
    ["orders.total_cents <= ?", search.maxCents],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  return {
    sql: given.map(([sql]) => `and ${sql}`).join(" "),
    values: given.map(([, value]) => value!),
  };
}
