/**
 * The statements that put orders into the database.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { orderContentHash } from "../../domain/order/content_hash.ts";
import { contentOf, type IncomingOrder, orderTotalOf } from "../../domain/order/incoming_order.ts";
import type { ItemSum } from "../../domain/order/intake.ts";
import type { OrderStatus } from "../../domain/order/order.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Catalog, customerOf, LostCatalog, StaleCatalog } from "../catalog/catalog.ts";
import { recipientEmail } from "../catalog/customers.ts";
import { customerSum, productSums, sumRange } from "../catalog/catalog_sums.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { withKeptParents } from "../connection/kept_parents.ts";
import { isErasedCustomer, latestErasure } from "../customers/erased_keys.ts";
import { type PackedColumn, readPacked } from "../connection/packed_rows.ts";

/** An order to write. */
export interface OrderToWrite {
  readonly order: IncomingOrder;
  /** Of its content, in hexadecimal. */
  readonly hash: string;
  readonly totalCents: number;
}

/** An order as it is to be written. */
export function orderToWrite(order: IncomingOrder): OrderToWrite {
  return new HashedOrder(order);
}

/** Its hash is made when it is asked for: of an order that is not known, a trial needs none. */
class HashedOrder implements OrderToWrite {
  readonly order: IncomingOrder;
  readonly totalCents: number;
  #hash: string | undefined;

  constructor(order: IncomingOrder) {
    this.order = order;
    this.totalCents = orderTotalOf(order);
  }

  get hash(): string {
    return this.#hash ??= orderContentHash(contentOf(this.order));
  }
}

/** An order as the database has it. */
export interface KnownOrder {
  id: number;
  status: OrderStatus;
  /** Of its content, in hexadecimal. */
  hash: string;
  currency: string;
  /** In minor units of `currency`. */
  totalCents: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
  placedAt: string;
  /** It was paid before it came. */
  paidAtSource: boolean;
  /** Whom it was placed for; without an e-mail, nobody is written to. */
  recipient: { name: string; email: string | null };
  /** BCP 47; null where its source does not say. */
  language: string | null;
  /** True where it waits for stock, as far as it was locked. */
  backordered?: boolean;
  /** True where its customer was erased: its hash is a keyed one, see `erasedContentHash()`. */
  isErased?: boolean;
}

/** Orders by their external ids, without locks. */
export async function findOrders(
  db: Queryable,
  externalIds: readonly string[],
): Promise<Map<string, KnownOrder>> {
  if (externalIds.length === 0) return new Map();
  return await readKnownOrders(db, "external_order_id in (?)", [[...externalIds]]);
}

/** Locks orders, by id. */
export async function lockKnownOrders(
  tx: Queryable,
  ids: readonly number[],
): Promise<Map<string, KnownOrder>> {
  if (ids.length === 0) return new Map();
  const sorted = [...ids].sort((a, b) => a - b);
  const rows = await tx.query(
    "select id, backordered from orders where id in (?) order by id for update",
    [sorted],
  );
  const waiting = new Set(
    rows.filter((row) => toInteger(row.backordered) === 1).map((row) => toInteger(row.id)),
  );
  // Their customers are not to be locked: what those were first known by never changes.
  const known = await readKnownOrders(tx, "orders.id in (?)", [sorted]);
  for (const order of known.values()) if (waiting.has(order.id)) order.backordered = true;
  return known;
}

async function readKnownOrders(
  db: Queryable,
  where: string,
  values: (string | number)[][],
): Promise<Map<string, KnownOrder>> {
  const rows = await db.query(
    `
    select orders.id, external_order_id, status, content_hash, currency, total_cents, payment_status, language,
      ${isErasedCustomer} as is_erased, placed_at, coalesce(recipient_name, first_name) as name, ${recipientEmail} as email
    from orders
    straight_join customers on customers.id = orders.customer_id
    where ${where}`,
    values,
  );
  return new Map(rows.map((row) => [String(row.external_order_id), {
    id: toInteger(row.id),
    status: row.status as OrderStatus,
    hash: (row.content_hash as Uint8Array).toHex(),
    currency: String(row.currency),
    totalCents: toInteger(row.total_cents),
    placedAt: String(row.placed_at),
    paidAtSource: row.payment_status === "paid",
    recipient: { name: String(row.name), email: row.email === null ? null : String(row.email) },
    language: row.language === null ? null : String(row.language),
    ...(toInteger(row.is_erased) === 1 ? { isErased: true } : {}),
  }]));
}

/**
 * Locks products against a change of their stock, by id. Inserting items would take the same locks for
 * the foreign key, but in the order of the items: a transaction that reserves stock locks by id, and the two
 * would wait for each other. Beside running consumers, 30 batches of 1,000 orders met 23 deadlocks without
 * this and none with it.
 *
 * @param ids at least one
 * @param options.sumOf also sums up what they are, by one of {@linkcode productSums}
 * @param options.customerIds customers whose {@linkcode customerSum} is asked for
 * @returns the latest erasure that is committed: see {@linkcode refuseStale}; and the sums
 * @throws {LostCatalog} unless all of them are there: a database that was replaced by an older one may lack some
 */
export async function lockProductsShared(
  tx: Queryable,
  ids: readonly number[],
  { sumOf, customerIds = [] }: LockedSums = {},
): Promise<{ erasures: number; sum?: number; customerSum?: number }> {
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  const sum = sumOf === undefined ? "" : `, mod(sum(${productSums[sumOf]}), ${sumRange}) as sum`;
  const customers = customerIds.length === 0 ? "" : `, max((
      select mod(sum(${customerSum}), ${sumRange})
      from customers force index (primary)
      where customers.id in (?))) as customers`;
  const [row] = await tx.query(
    `
    select count(*) as found, max(${latestErasure}) as erasures${sum}${customers}
    from products force index (primary)
    where id in (?)
    lock in share mode`,
    customerIds.length === 0 ? [sorted] : [[...customerIds], sorted],
  );
  const found = toInteger(row!.found);
  if (found !== sorted.length) {
    throw new LostCatalog(`${sorted.length - found} of ${sorted.length} products are gone`);
  }
  return {
    erasures: toInteger(row!.erasures),
    sum: sumOf && toInteger(row!.sum!),
    customerSum: customerIds.length === 0 ? 0 : toInteger(row!.customers ?? 0),
  };
}

/** What {@linkcode lockProductsShared} sums up. */
export interface LockedSums {
  sumOf?: keyof typeof productSums;
  customerIds?: readonly number[];
}

/**
 * Makes sure that no order was given to somebody who was erased since the catalogue was read. To be asked after the orders
 * were written: each locks its customer's row for the foreign key, and an erasure that comes later waits for that, and
 * sees them.
 *
 * @param known the latest erasure that the catalogue knew before they were written: others of the same run may have refreshed
 * it since
 * @param erasures the latest one that is committed
 * @throws {StaleCatalog} where there is a later one than the catalogue knew
 */
export function refuseStale(known: number | undefined, erasures: number): void {
  if (known !== erasures) throw new StaleCatalog("Somebody was erased meanwhile");
}

/**
 * Inserts orders; their customers are in the catalogue.
 *
 * @param options.withTimes also reads the times that the database has given them
 * @returns their rows, by external id
 */
export async function insertOrders(
  tx: Queryable,
  candidates: readonly OrderToWrite[],
  catalog: Catalog,
  options: { withTimes?: boolean } = {},
): Promise<Map<string, InsertedRow>> {
  if (candidates.length === 0) return new Map();
  const withOtherAddress: OrderToWrite[] = [];
  const rows = candidates.map((candidate): OrderRow => {
    const { id, first, name, email } = customerOf(catalog, candidate.order);
    if (email !== null && email !== first?.email) withOtherAddress.push(candidate);
    return orderRow(candidate, id, { name, email });
  });
  const inserted = insertOrderRows(tx, rows, "id");
  // Asked for with it, so that both go to the server at once.
  const [, asked] = await Promise.all([inserted, askForInserted(tx, rows.length)]);
  const rowOf = await insertedRows(tx, namesOf(candidates), { ...options, asked });
  await writeAddresses(tx, withOtherAddress, (id) => rowOf.get(id)!.id);
  return rowOf;
}

/**
 * Inserts orders of customers who are there, as far as anybody knows; the statement itself finds their ids. Nothing of them was
 * erased that the orders are older than.
 *
 * @param candidates at least one
 * @returns their rows with their times, by external id
 * @throws {LostCatalog} unless all customers are there
 */
export async function insertOrdersByName(
  tx: Queryable,
  candidates: readonly OrderToWrite[],
): Promise<Map<string, InsertedRow>> {
  const rows = candidates.map((candidate) => {
    const { customer } = candidate.order;
    return orderRow(candidate, customer.externalId, customer);
  });
  const [{ affectedRows }, asked] = await Promise.all([
    insertOrderRows(tx, rows, "name"),
    askForInserted(tx, rows.length),
  ]);
  if (affectedRows !== rows.length) {
    throw new LostCatalog(`The customers of ${rows.length - affectedRows} orders are gone`);
  }
  return await insertedRows(tx, namesOf(candidates), { withTimes: true, asked });
}

function namesOf(candidates: readonly OrderToWrite[]): string[] {
  return candidates.map(({ order }) => order.externalOrderId);
}

/** A row of {@linkcode orderColumns}; its last three fields are mostly those of all others. */
type OrderRow = [
  /** Its id, or the one that the shop has. */
  customer: number | string,
  totalCents: number,
  externalOrderId: string,
  placedAt: string,
  hash: string,
  name: string,
  email: string | null,
  currency: string,
  paymentStatus: string,
  language: string | null,
];

function orderRow(
  { order, hash, totalCents }: OrderToWrite,
  customer: number | string,
  { name, email }: { name: string; email: string | null },
): OrderRow {
  const { externalOrderId, currency, placedAt, payment, language = null } = order;
  const status = payment?.status ?? "due";
  return [
    customer,
    totalCents,
    externalOrderId,
    placedAt,
    hash,
    name,
    email,
    currency,
    status,
    language,
  ];
}

/** Those that MariaDB has to read past for others are short: it looks for each field from the beginning of its row. */
const orderColumns: readonly { name: string; type: string; default?: string | null }[] = [
  { name: "customer_id", type: "bigint unsigned" },
  { name: "total_cents", type: "bigint" },
  { name: "external_order_id", type: "varchar(64) character set utf8mb4 collate utf8mb4_bin" },
  { name: "placed_at", type: "datetime(6)" },
  { name: "content_hash", type: "char(32) character set ascii collate ascii_bin" },
  {
    name: "recipient_name",
    type: "varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci",
  },
  {
    name: "recipient_email",
    type: "varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci",
  },
  { name: "currency", type: "char(3) character set ascii collate ascii_bin" },
  {
    name: "payment_status",
    type: "varchar(4) character set ascii collate ascii_bin",
    default: "due",
  },
  { name: "language", type: "varchar(35) character set ascii collate ascii_bin", default: null },
];

/** Columns before those that are mostly the same. */
const ownColumns = 7;

/** What says whose an order is where that is not the customer's id. */
const customerName = {
  name: "customer_external_id",
  type: "varchar(64) character set utf8mb4 collate utf8mb4_bin",
};

/**
 * Inserts rows; what all of them say is sent once, or not at all: the statement has some eighteen shapes for each way to say
 * whose they are.
 */
function insertOrderRows(tx: Queryable, rows: readonly OrderRow[], by: "id" | "name") {
  const first = rows[0]!;
  const columns = orderColumns.map((column, at) => ({
    ...column,
    at,
    isShared: at >= ownColumns && rows.every((row) => row[at] === first[at]),
  })).filter(({ isShared, default: usual, at }) => !isShared || first[at] !== usual);
  const sent = columns.filter(({ isShared }) => !isShared);
  const own = by === "id" ? sent : [{ ...sent[0]!, ...customerName }, ...sent.slice(1)];
  const valueOf = (name: string) => {
    if (name === "content_hash") return "unhex(j.content_hash)";
    return name === "customer_id" && by === "name" ? "customers.id" : `j.${name}`;
  };
  const values = columns.map(({ name, isShared }) => isShared ? "?" : valueOf(name));
  const customers = `
    straight_join customers force index (customers_external_id)
      on customers.external_id = j.customer_external_id`;
  return tx.run(
    `
    insert into orders (${columns.map(({ name }) => name).join(", ")})
    select ${values.join(", ")}
    from json_table(?, '$[*]' columns (
      ${own.map(({ name, type }, at) => `${name} ${type} path '$[${at}]'`).join(",\n      ")})) j${
      by === "id" ? "" : customers
    }`,
    [
      ...columns.flatMap(({ isShared, at }) => isShared ? [first[at]!] : []),
      JSON.stringify(rows.map((row) => own.map(({ at }) => row[at]))),
    ],
  );
}

/** Makes the addresses of orders findable that are not what their customers were first known by. */
export async function writeAddresses(
  tx: Queryable,
  orders: readonly OrderToWrite[],
  idOf: (externalOrderId: string) => number,
): Promise<void> {
  const rows = orders.flatMap(({ order: { externalOrderId, customer: { email } } }) =>
    email === null ? [] : [[idOf(externalOrderId), email]]
  );
  if (rows.length === 0) return;
  await tx.run(
    `
    insert into order_addresses (order_id, email)
    select j.order_id, j.email
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      email varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[1]')) j`,
    [JSON.stringify(rows)],
  );
}

/** An order's row, as far as its statement did not say it itself. */
export interface InsertedRow {
  id: number;
  /** As the row has them; undefined where they were not read. */
  times?: { createdAt: string; updatedAt: string };
}

const timeColumns: readonly PackedColumn[] = [
  { sql: "created_at", kind: "text" },
  { sql: "updated_at", kind: "text" },
];

/** Of a row among those from the first that the statement before has inserted: its place from 1, as ids are given. */
const placeFromFirst = "((id - last_insert_id()) div @@auto_increment_increment + 1)";

/** The range of ids behind the first that a statement before has inserted, so many rows in all. */
const insertedRange =
  "from orders where id between last_insert_id() and last_insert_id() + ? * @@auto_increment_increment";

/** What the database says of orders that the statement before has inserted, so many of them. */
async function askForInserted(tx: Queryable, count: number): Promise<Row> {
  // A row is never changed before it was created: where the first time is the last one, it is that of all.
  const [row] = await tx.query(
    `
    select count(*) as n, last_insert_id() as first_id, @@auto_increment_increment as step,
      coalesce(mod(sum(crc32(external_order_id) * ${placeFromFirst}), ${sumRange}), 0) as sum,
      min(created_at) as created_at, max(updated_at) as updated_at
    ${insertedRange}`,
    [count - 1],
  );
  return row!;
}

/**
 * The rows of orders that were just inserted by one statement. They nearly always follow the first of them one by one, in the
 * order in which they were sent; a checksum of which id belongs to which order says that, and spares reading and decoding a row
 * for each. Where another writer came in between, they are read.
 *
 * @param externalIds in the order in which they were sent
 * @param options.asked of {@linkcode askForInserted}
 */
async function insertedRows(
  tx: Queryable,
  externalIds: readonly string[],
  { withTimes = false, asked }: { withTimes?: boolean; asked: Row },
): Promise<Map<string, InsertedRow>> {
  const { n, first_id, step, sum, created_at, updated_at } = asked;
  const isAsSent = toInteger(n) === externalIds.length &&
    toInteger(sum) === sumOfPlaces(externalIds) && created_at === updated_at;
  if (!isAsSent) return await scatteredRows(tx, externalIds, withTimes);
  const firstId = toInteger(first_id), distance = toInteger(step);
  const times = { createdAt: String(created_at), updatedAt: String(updated_at) };
  return new Map(externalIds.map((externalId, index) => {
    const id = firstId + index * distance;
    return [externalId, withTimes ? { id, times } : { id }];
  }));
}

/** Of orders in the order in which they were sent, what the database adds up of them where their ids follow each other. */
function sumOfPlaces(externalIds: readonly string[]): number {
  let sum = 0;
  externalIds.forEach((externalId, index) =>
    sum = (sum + crc32(externalId) * (index + 1)) % sumRange
  );
  return sum;
}

/** Rows of orders that were just inserted, one by one: those of the range, and what is missing there by a list. */
async function scatteredRows(
  tx: Queryable,
  externalIds: readonly string[],
  withTimes: boolean,
): Promise<Map<string, InsertedRow>> {
  const { rows } = await readPacked(
    tx,
    [
      { sql: "id", kind: "number" },
      { sql: "external_order_id", kind: "any text" },
      ...(withTimes ? timeColumns : []),
    ],
    insertedRange,
    [externalIds.length - 1],
  );
  const near = new Map((rows as [number, string, string, string][]).map(
    ([id, externalId, createdAt, updatedAt]): [string, InsertedRow] => [
      externalId,
      { id, ...(withTimes ? { times: { createdAt, updatedAt } } : {}) },
    ],
  ));
  const missing = externalIds.filter((externalId) => !near.has(externalId));
  const found = await findOrders(tx, missing);
  return new Map(externalIds.map((externalId) => [
    externalId,
    near.get(externalId) ?? { id: found.get(externalId)!.id },
  ]));
}

/**
 * Adds the first step to the timelines of orders.
 *
 * @param firstId of orders with ids that follow each other, which this transaction has inserted
 */
export async function addCreatedEvents(
  tx: Queryable,
  { firstId, lastId }: { firstId: number; lastId: number },
  actor: string,
): Promise<void> {
  const sql = `
    insert into order_events (order_id, event, actor)
    select id, 'created', ?
    from orders
    where id between ? and ?`;
  const { insertId } = await tx.run(withKeptParents(tx.engine, sql), [actor, firstId, lastId]);
  tx.noteStep?.(insertId);
}

/**
 * Changes orders to what they say now.
 *
 * @param locked has all of them
 * @param status that all of them have
 * @throws unless all of them have it
 */
export async function updateOrders(
  tx: Queryable,
  candidates: readonly OrderToWrite[],
  locked: ReadonlyMap<string, KnownOrder>,
  catalog: Catalog,
  status: OrderStatus = "PENDING",
): Promise<void> {
  if (candidates.length === 0) return;
  const rows = candidates.map(({ order, hash, totalCents }) => {
    const { id } = locked.get(order.externalOrderId)!;
    const { name, email, ...customer } = customerOf(catalog, order);
    const status = order.payment?.status ?? "due";
    const row = [id, customer.id, order.currency, totalCents, hash, order.placedAt, name, email];
    return [...row, status, order.language ?? null];
  });
  const { affectedRows } = await tx.run(
    `
    update json_table(?, '$[*]' columns (
        id bigint unsigned path '$[0]',
        customer_id bigint unsigned path '$[1]',
        currency char(3) character set ascii collate ascii_bin path '$[2]',
        total_cents bigint path '$[3]',
        hash char(32) character set ascii collate ascii_bin path '$[4]',
        placed_at datetime(6) path '$[5]',
        recipient_name varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[6]',
        recipient_email varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[7]',
        payment_status varchar(4) character set ascii collate ascii_bin path '$[8]',
        language varchar(35) character set ascii collate ascii_bin path '$[9]')) j
      straight_join orders on orders.id = j.id
    set orders.customer_id = j.customer_id, orders.currency = j.currency,
      orders.total_cents = j.total_cents, orders.content_hash = unhex(j.hash),
      orders.placed_at = j.placed_at, orders.recipient_name = j.recipient_name,
      orders.recipient_email = j.recipient_email, orders.payment_status = j.payment_status,
      orders.language = coalesce(j.language, orders.language), orders.revision = orders.revision + 1
    where orders.status = ?`,
    [JSON.stringify(rows), status],
  );
  if (affectedRows !== candidates.length) {
    throw new Error(`${affectedRows} of ${candidates.length} locked orders were still ${status}`);
  }
  const idOf = (externalOrderId: string) => locked.get(externalOrderId)!.id;
  await tx.query(
    "delete from order_addresses where order_id in (?)",
    [candidates.map(({ order }) => idOf(order.externalOrderId))],
  );
  await writeAddresses(
    tx,
    candidates.filter(({ order }) => {
      const { email, first } = customerOf(catalog, order);
      return email !== null && email !== first?.email;
    }),
    idOf,
  );
}

/**
 * Of orders, by their ids, that may have other items than `most` names: all they have, summed up by product and
 * price. An order with more kinds of them than that is given by `undefined`, because nobody can say how many
 * they are; so no more is read than was brought.
 *
 * @param max kinds of items, by the order's id
 */
export async function readItemSums(
  db: Queryable,
  max: ReadonlyMap<number, number>,
): Promise<Map<number, ItemSum[] | undefined>> {
  const found = new Map<number, ItemSum[] | undefined>([...max.keys()].map((id) => [id, []]));
  if (max.size === 0) return found;
  const counts = await readEverywhere(
    db,
    `
    select order_id, count(distinct product_id, unit_price_cents) as kinds
    from order_items
    where order_id in (?)
    group by order_id`,
    [[...max.keys()]],
  );
  const few: number[] = [];
  for (const row of counts) {
    const id = toInteger(row.order_id);
    if (toInteger(row.kinds) > max.get(id)!) found.set(id, undefined);
    else few.push(id);
  }
  if (few.length === 0) return found;
  const rows = await readEverywhere(
    db,
    `
    select order_items.order_id, products.sku, order_items.unit_price_cents,
      sum(order_items.qty) as qty
    from order_items
    straight_join products on products.id = order_items.product_id
    where order_items.order_id in (?)
    group by order_items.order_id, order_items.product_id, products.sku, order_items.unit_price_cents`,
    [few],
  );
  for (const row of rows) {
    found.get(toInteger(row.order_id))!.push({
      sku: String(row.sku),
      unitPriceCents: toInteger(row.unit_price_cents),
      qty: toInteger(row.qty),
    });
  }
  return found;
}

/** Deletes all items of orders. */
export async function deleteItems(tx: Queryable, orderIds: readonly number[]): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.query(
    `
    delete from order_items
    where order_id in (?)`,
    [[...orderIds]],
  );
}

/** An item to write. */
export interface ItemToWrite {
  orderId: number;
  productId: number;
  unitPriceCents: number;
  qty: number;
}

/**
 * Inserts items in the order given.
 *
 * @param keptParents the transaction has inserted or locked their orders, and locked all of their products
 */
export async function insertItems(
  tx: Queryable,
  items: readonly ItemToWrite[],
  { keptParents }: { keptParents: boolean },
): Promise<void> {
  // Numbers only: put together by hand in a quarter of the time.
  const rows = items.map(({ orderId, productId, unitPriceCents, qty }) =>
    `[${orderId},${productId},${unitPriceCents},${qty}]`
  );
  const sql = `
    insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
    select j.order_id, j.product_id, j.unit_price_cents, j.qty, j.unit_price_cents * j.qty
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      product_id bigint unsigned path '$[1]',
      unit_price_cents bigint path '$[2]',
      qty int path '$[3]')) j`;
  await tx.run(keptParents ? withKeptParents(tx.engine, sql) : sql, [`[${rows.join(",")}]`]);
}
