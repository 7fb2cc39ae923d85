/**
 * Orders into the books, from files and over HTTP.
 *
 * @module
 */

import { contentOf, type IncomingOrder, totalCentsOf } from "../domain/incoming_order.ts";
import { orderContentHash } from "../domain/content_hash.ts";
import { decideIntake, type IntakeOutcome } from "../domain/intake.ts";
import type { OrderStatus } from "../domain/order.ts";
import {
  type Catalog,
  completeCatalog,
  emptyCatalog,
  noteDescriptions,
  writeDescriptions,
} from "./catalog.ts";
import { type Database, isDuplicateKey, type Queryable, toInteger } from "./database.ts";

/** How orders are taken. */
export interface TakeOptions {
  /** Units of products that no order has named before. */
  initialStock: number;
  /** What another content means for an order that is still `PENDING`. */
  onPendingChange: "update" | "conflict";
  /** Who takes them, for the timeline. */
  actor: string;
  /** Tell what would become of them and change nothing. */
  dryRun?: boolean;
  /**
   * What a longer run knows of customers and products. With it, the caller writes the descriptions
   * when the run ends; without it they are written with the orders.
   */
  catalog?: Catalog;
}

/** What became of one order. */
export interface TakenOrder {
  externalOrderId: string;
  /** Null if it is new and this was a dry run. */
  orderId: number | null;
  outcome: IntakeOutcome;
  /** As the books have it now. */
  status: OrderStatus;
  /** In `currency`, as the order that came in says. */
  totalCents: number;
  currency: string;
}

/** Tries to insert orders that somebody else inserts at the same moment. */
const mostTries = 10;

interface Candidate {
  order: IncomingOrder;
  hash: string;
  totalCents: number;
}

interface KnownOrder {
  id: number;
  status: OrderStatus;
  hash: string;
}

/**
 * Puts orders into the books, or recognises them there. Safe to repeat, also while others take the same
 * orders.
 *
 * Customers and products of orders that are taken are created first. Then one transaction writes all
 * orders, items and timeline: a crash leaves all of them or none.
 *
 * @param orders validated; about 1,000 at once are fastest. An id that stands there twice is taken once
 * and then compared.
 * @returns what became of each, in the order given
 */
export async function takeOrders(
  db: Database,
  orders: readonly IncomingOrder[],
  options: TakeOptions,
): Promise<TakenOrder[]> {
  const catalog = options.catalog ?? emptyCatalog();
  const taken = new Array<TakenOrder>(orders.length);
  let left = orders.map((order, place) => ({ order, place }));
  while (left.length > 0) {
    const first = new Map<string, { order: IncomingOrder; place: number }>();
    const repeated: typeof left = [];
    for (const entry of left) {
      const id = entry.order.externalOrderId;
      if (first.has(id)) repeated.push(entry);
      else first.set(id, entry);
    }
    const round = [...first.values()];
    const results = await takeDistinct(db, round.map(({ order }) => order), catalog, options);
    results.forEach((result, index) => taken[round[index]!.place] = result);
    left = repeated;
  }
  if (options.catalog === undefined && !options.dryRun) {
    await writeDescriptions(db, catalog, { everyDate: true });
  }
  return taken;
}

async function takeDistinct(
  db: Database,
  orders: IncomingOrder[],
  catalog: Catalog,
  options: TakeOptions,
): Promise<TakenOrder[]> {
  const candidates = orders.map((order): Candidate => ({
    order,
    hash: orderContentHash(contentOf(order)).toHex(),
    totalCents: totalCentsOf(order.items),
  }));
  for (let attempt = 1;; attempt++) {
    try {
      return await takeOnce(db, candidates, catalog, options);
    } catch (error) {
      // Somebody else inserted one of the orders after it was looked up: now it is known.
      if (!isDuplicateKey(error) || attempt >= mostTries) throw error;
    }
  }
}

async function takeOnce(
  db: Database,
  candidates: readonly Candidate[],
  catalog: Catalog,
  options: TakeOptions,
): Promise<TakenOrder[]> {
  const decide = ({ hash }: Candidate, order: KnownOrder | undefined) =>
    decideIntake(order, order?.hash === hash, options.onPendingChange);
  const known = await findOrders(db, candidates.map(({ order }) => order.externalOrderId));
  const knownOf = ({ order }: Candidate) => known.get(order.externalOrderId);
  const fresh: Candidate[] = [];
  const changing: Candidate[] = [];
  const unchanged: IncomingOrder[] = [];
  for (const candidate of candidates) {
    const outcome = decide(candidate, knownOf(candidate));
    if (outcome === "new") fresh.push(candidate);
    if (outcome === "updated") changing.push(candidate);
    if (outcome === "unchanged") unchanged.push(candidate.order);
  }

  const result = (candidate: Candidate, outcome: IntakeOutcome, order: KnownOrder | undefined) => ({
    externalOrderId: candidate.order.externalOrderId,
    orderId: order?.id ?? null,
    outcome,
    status: order?.status ?? "PENDING",
    totalCents: candidate.totalCents,
    currency: candidate.order.currency,
  });
  if (options.dryRun) {
    return candidates.map((candidate) =>
      result(candidate, decide(candidate, knownOf(candidate)), knownOf(candidate))
    );
  }

  const entering = [...fresh, ...changing].map(({ order }) => order);
  if (entering.length > 0) {
    await completeCatalog(db, catalog, entering, { initialStock: options.initialStock });
  }
  if (options.catalog !== undefined && unchanged.length > 0) {
    await completeCatalog(db, catalog, unchanged, { initialStock: undefined });
  }
  const written = entering.length === 0
    ? { locked: new Map<string, KnownOrder>(), ids: new Map<string, number>() }
    : await db.transaction((tx) => writeOrders(tx, fresh, changing, known, catalog, options));

  const results = candidates.map((candidate) => {
    const id = candidate.order.externalOrderId;
    const insertedId = written.ids.get(id);
    if (insertedId !== undefined) {
      return { ...result(candidate, "new", undefined), orderId: insertedId };
    }
    const before = written.locked.get(id) ?? knownOf(candidate);
    return result(candidate, decide(candidate, before), before);
  });
  const described = candidates.filter((_, index) =>
    results[index]!.outcome === "new" || results[index]!.outcome === "updated" ||
    (results[index]!.outcome === "unchanged" && options.catalog !== undefined)
  );
  noteDescriptions(catalog, described.map(({ order }) => order));
  return results;
}

/**
 * Locks the known orders, then the products, each by id, and writes.
 *
 * @returns the ids of inserted orders, and the known ones as they were when they were locked
 */
async function writeOrders(
  tx: Queryable,
  fresh: readonly Candidate[],
  changing: readonly Candidate[],
  known: ReadonlyMap<string, KnownOrder>,
  catalog: Catalog,
  options: TakeOptions,
): Promise<{ ids: Map<string, number>; locked: Map<string, KnownOrder> }> {
  const locked = await lockOrders(
    tx,
    changing.map(({ order }) => known.get(order.externalOrderId)!.id),
  );
  // Meanwhile a consumer may have begun with an order, or another import have brought the same content.
  const updates = changing.filter((candidate) => {
    const order = locked.get(candidate.order.externalOrderId);
    return decideIntake(order, order?.hash === candidate.hash, options.onPendingChange) ===
      "updated";
  });

  await insertOrders(tx, fresh, catalog);
  const inserted = await findOrders(tx, fresh.map(({ order }) => order.externalOrderId));
  await updateOrders(tx, updates, locked, catalog);

  const ids = new Map<string, number>();
  for (const { order } of fresh) {
    ids.set(order.externalOrderId, inserted.get(order.externalOrderId)!.id);
  }
  const updatedIds = updates.map(({ order }) => locked.get(order.externalOrderId)!.id);
  const items = [
    ...fresh.map(({ order }) => ({ id: ids.get(order.externalOrderId)!, order })),
    ...updates.map(({ order }, index) => ({ id: updatedIds[index]!, order })),
  ].flatMap(({ id, order }) =>
    order.items.map(({ sku, unitPriceCents, qty }) => [
      id,
      catalog.products.get(sku)!.id,
      unitPriceCents,
      qty,
      unitPriceCents * qty,
    ])
  );
  if (items.length > 0) {
    await lockProductsShared(tx, [...new Set(items.map((item) => item[1]!))]);
    await deleteItems(tx, updatedIds);
    await insertItems(tx, items);
  }
  await insertEvents(tx, [...ids.values()], "created", options.actor);
  await insertEvents(tx, updatedIds, "updated", options.actor);
  return { ids, locked };
}

/** Orders by their external ids, without locks. */
async function findOrders(
  db: Queryable,
  externalIds: readonly string[],
): Promise<Map<string, KnownOrder>> {
  if (externalIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select id, external_order_id, status, content_hash
    from orders
    where external_order_id in (?)`,
    [[...externalIds]],
  );
  return knownOrders(rows);
}

async function lockOrders(
  tx: Queryable,
  ids: readonly number[],
): Promise<Map<string, KnownOrder>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.query(
    `
    select id, external_order_id, status, content_hash
    from orders
    where id in (?)
    order by id
    for update`,
    [[...ids].sort((a, b) => a - b)],
  );
  return knownOrders(rows);
}

function knownOrders(rows: Awaited<ReturnType<Queryable["query"]>>): Map<string, KnownOrder> {
  return new Map(rows.map((row) => [String(row.external_order_id), {
    id: toInteger(row.id),
    status: row.status as OrderStatus,
    hash: (row.content_hash as Uint8Array).toHex(),
  }]));
}

/**
 * Locks products against a change of their stock, by id. Inserting items would take the same locks for
 * the foreign key, but in the order of the items: a transaction that reserves stock locks by id, and the two
 * would wait for each other.
 */
async function lockProductsShared(tx: Queryable, ids: number[]): Promise<void> {
  await tx.query(
    `
    select count(*)
    from products force index (primary)
    where id in (?)
    lock in share mode`,
    [ids.sort((a, b) => a - b)],
  );
}

async function insertOrders(
  tx: Queryable,
  candidates: readonly Candidate[],
  catalog: Catalog,
): Promise<void> {
  if (candidates.length === 0) return;
  const rows = candidates.map(({ order, hash, totalCents }) => [
    order.externalOrderId,
    catalog.customers.get(order.customer.externalId)!.id,
    order.currency,
    totalCents,
    hash,
    order.placedAt,
  ]);
  await tx.run(
    `
    insert into orders
      (external_order_id, customer_id, currency, total_cents, content_hash, placed_at)
    select j.external_order_id, j.customer_id, j.currency, j.total_cents, unhex(j.hash), j.placed_at
    from json_table(?, '$[*]' columns (
      external_order_id varchar(64) character set utf8mb4 collate utf8mb4_bin path '$[0]',
      customer_id bigint unsigned path '$[1]',
      currency char(3) character set ascii collate ascii_bin path '$[2]',
      total_cents bigint path '$[3]',
      hash char(32) character set ascii collate ascii_bin path '$[4]',
      placed_at datetime(6) path '$[5]')) j`,
    [JSON.stringify(rows)],
  );
}

async function updateOrders(
  tx: Queryable,
  candidates: readonly Candidate[],
  locked: ReadonlyMap<string, KnownOrder>,
  catalog: Catalog,
): Promise<void> {
  if (candidates.length === 0) return;
  const rows = candidates.map(({ order, hash, totalCents }) => [
    locked.get(order.externalOrderId)!.id,
    catalog.customers.get(order.customer.externalId)!.id,
    order.currency,
    totalCents,
    hash,
    order.placedAt,
  ]);
  const { affectedRows } = await tx.run(
    `
    update json_table(?, '$[*]' columns (
        id bigint unsigned path '$[0]',
        customer_id bigint unsigned path '$[1]',
        currency char(3) character set ascii collate ascii_bin path '$[2]',
        total_cents bigint path '$[3]',
        hash char(32) character set ascii collate ascii_bin path '$[4]',
        placed_at datetime(6) path '$[5]')) j
      straight_join orders on orders.id = j.id
    set orders.customer_id = j.customer_id, orders.currency = j.currency,
      orders.total_cents = j.total_cents, orders.content_hash = unhex(j.hash),
      orders.placed_at = j.placed_at
    where orders.status = 'PENDING'`,
    [JSON.stringify(rows)],
  );
  if (affectedRows !== candidates.length) {
    throw new Error(`${affectedRows} of ${candidates.length} locked orders were still PENDING`);
  }
}

async function deleteItems(tx: Queryable, orderIds: readonly number[]): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.query(
    `
    delete from order_items
    where order_id in (?)`,
    [[...orderIds]],
  );
}

async function insertItems(tx: Queryable, items: readonly number[][]): Promise<void> {
  await tx.run(
    `
    insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
    select j.order_id, j.product_id, j.unit_price_cents, j.qty, j.subtotal_cents
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      product_id bigint unsigned path '$[1]',
      unit_price_cents bigint path '$[2]',
      qty int path '$[3]',
      subtotal_cents bigint path '$[4]')) j`,
    [JSON.stringify(items)],
  );
}

async function insertEvents(
  tx: Queryable,
  orderIds: readonly number[],
  event: "created" | "updated",
  actor: string,
): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.run(
    `
    insert into order_events (order_id, event, actor)
    select j.order_id, ?, ?
    from json_table(?, '$[*]' columns (order_id bigint unsigned path '$')) j`,
    [event, actor, JSON.stringify(orderIds)],
  );
}
