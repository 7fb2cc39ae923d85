/**
 * Takes orders for new ones without looking first.
 *
 * @module
 */

import {
  type Catalog,
  createStrangers,
  customerOf,
  learnFrom,
  lookUpCatalog,
  lookUpProducts,
  LostCatalog,
  productIdOf,
  StaleCatalog,
} from "../../db/catalog/catalog.ts";
import type { KeptCustomers } from "../../db/catalog/kept_customers.ts";
import { sumOfProducts } from "../../db/catalog/catalog_sums.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import {
  type InsertedRow,
  insertOrdersByName,
  lockProductsShared,
  type OrderToWrite,
  refuseStale,
  writeAddresses,
} from "../../db/orders/intake_writes.ts";
import { insertedSummary } from "../../db/orders/inserted_order.ts";
import { writeContents } from "../../db/orders/order_contents.ts";
import type { OrderSummary } from "../../db/orders/order_queries.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { addIntakeSteps, type Takers } from "./intake_steps.ts";

/** An order that was inserted. */
export interface Inserted {
  id: number;
  /** As readers want to see it; undefined where it has to be read. */
  summary: OrderSummary | undefined;
}

/**
 * Row ids under which tries of this call have written new orders, by external id, whatever became of them. The answer to a
 * commit may be lost, and the next try then meets its own orders: one of these ids says so, because none is given twice.
 */
export type Tried = Map<string, Set<number>>;

/** Orders that were inserted, by external id. */
export interface NewRows {
  ids: Map<string, number>;
  /** What readers want to see of those, where it was asked for and needs not be read. */
  summaries: Map<string, OrderSummary>;
}

/** How orders are taken for new ones. */
export interface AsNewOptions extends Takers {
  customers?: KeptCustomers;
  /** Of a longer run; it looks at its orders first. */
  catalog?: Catalog;
  dryRun?: boolean;
  withSummaries?: boolean;
  inTransaction?: (tx: Queryable, inserted: ReadonlyMap<IncomingOrder, Inserted>) => Promise<void>;
  tried: Tried;
}

/** Whether nothing is written of a new order but its row, its items and its first step. */
export function hasItemsOnly(
  { order: { adjustments, payment, instructions } }: OrderToWrite,
): boolean {
  return adjustments === undefined && payment === undefined && instructions === undefined;
}

/**
 * Whether orders may be taken for new ones: where they hold nothing that an order before may have, no guess was wrong lately, and
 * all of their products are there. Those that nobody has read are read for it, which costs one look where to compare the orders
 * with what there is costs two more.
 *
 * @param known is told the products
 */
export async function mayTakeAsNew(
  db: Database,
  candidates: readonly OrderToWrite[],
  known: Catalog,
  { customers, catalog, dryRun = false }: AsNewOptions,
): Promise<boolean> {
  if (customers === undefined || catalog !== undefined || dryRun) return false;
  const orders = candidates.map(({ order }) => order);
  if (!customers.mayGuess(orders) || !candidates.every(hasItemsOnly)) return false;
  return (await lookUpProducts(db, known, orders)).length === 0;
}

/**
 * Writes orders as new ones, in a transaction that finds out whether they are: a look at what there is before took a sixth of what
 * a set of orders costs, and nearly all orders are new. Their customers are created with them, so that nothing is left of orders that
 * are not taken.
 *
 * @throws a duplicate key where one of them is there, {@linkcode LostCatalog} or {@linkcode StaleCatalog} where customers or products
 * are not as anybody knew: nothing was written then, and they are to be compared
 */
export async function takeAsNew(
  db: Database,
  candidates: readonly OrderToWrite[],
  catalog: Catalog,
  options: AsNewOptions,
): Promise<NewRows> {
  const { learnt, ...rows } = await db.transaction(async (tx) => {
    // What a try that is rolled back has read of its own rows is nobody's.
    const own: Catalog = { ...catalog, customers: new Map(catalog.customers), erased: new Map() };
    const { inTransaction, withSummaries = inTransaction !== undefined } = options;
    const inserted = await insertAsNew(tx, candidates, own, options);
    const rows = newRows(candidates, inserted, own, withSummaries);
    await fillNew(tx, candidates, own, { ...options, ...rows });
    return { ...rows, learnt: own };
  });
  learnFrom(catalog, learnt);
  return rows;
}

/** Inserts orders and those of their customers whom nobody knows, and locks their products. */
async function insertAsNew(
  tx: Queryable,
  candidates: readonly OrderToWrite[],
  catalog: Catalog,
  { customers, tried }: AsNewOptions,
): Promise<ReadonlyMap<string, InsertedRow>> {
  const orders = candidates.map(({ order }) => order);
  const skus = new Set(orders.flatMap(({ items }) => items.map(({ sku }) => sku)));
  const productIds = [...skus].map((sku) => productIdOf(catalog, sku));
  // Asked for at once, and run in this order.
  const creating = createStrangers(tx, catalog, orders, customers!);
  const [absent, rows, { erasures, sum }] = await Promise.all([
    lookUpCatalog(tx, catalog, orders),
    insertOrdersByName(tx, candidates),
    lockProductsShared(tx, productIds, { sumOf: "descriptions" }),
    creating,
  ]);
  noteTried(tried, rows);
  if (absent.customers.size > 0) throw new LostCatalog("Customers are gone");
  if (sum !== sumOfProducts(catalog, skus, "descriptions")) {
    throw new LostCatalog("Products are not as they were read");
  }
  if (creating !== undefined && catalog.erasures !== 0) {
    throw new StaleCatalog("Whoever is new may have been erased");
  }
  refuseStale(catalog.erasures, erasures);
  return rows;
}

/** Writes what orders hold that have their rows, and has that committed with it where nothing else is to be written. */
async function fillNew(
  tx: Queryable,
  fresh: readonly OrderToWrite[],
  catalog: Catalog,
  options: AsNewOptions & NewRows,
): Promise<void> {
  const { inTransaction, ids, summaries } = options;
  const idOf = (externalOrderId: string) => ids.get(externalOrderId)!;
  const withOtherAddress = fresh.filter(({ order }) => {
    const { first, email } = customerOf(catalog, order);
    return email !== null && email !== first?.email;
  });
  const contents = fresh.map(({ order }) => ({ orderId: idOf(order.externalOrderId), order }));
  // Their items and their steps, and nothing is decided by their answers.
  if (inTransaction === undefined) tx.asksLast?.(withOtherAddress.length > 0 ? 3 : 2);
  await Promise.all([
    writeAddresses(tx, withOtherAddress, idOf),
    writeContents(tx, contents, { replacedIds: [], keptProducts: true }, catalog),
    addIntakeSteps(tx, { fresh, ids, updates: [], updatedIds: [] }, options),
    inTransaction?.(
      tx,
      new Map(fresh.map(({ order }) => {
        const { externalOrderId } = order;
        return [order, { id: idOf(externalOrderId), summary: summaries.get(externalOrderId) }];
      })),
    ),
  ]);
}

/** Notes the ids under which orders were written, whatever becomes of them. */
export function noteTried(tried: Tried, rows: ReadonlyMap<string, InsertedRow>): void {
  for (const [externalOrderId, { id }] of rows) {
    const before = tried.get(externalOrderId);
    if (before === undefined) tried.set(externalOrderId, new Set([id]));
    else before.add(id);
  }
}

/** What is known of orders that were inserted. */
export function newRows(
  fresh: readonly OrderToWrite[],
  rows: ReadonlyMap<string, InsertedRow>,
  catalog: Catalog,
  withSummaries: boolean,
): NewRows {
  const ids = new Map([...rows].map(([externalOrderId, { id }]) => [externalOrderId, id]));
  const summaries = new Map<string, OrderSummary>();
  if (!withSummaries) return { ids, summaries };
  for (const candidate of fresh) {
    const { externalOrderId } = candidate.order;
    const summary = insertedSummary(candidate, rows.get(externalOrderId)!, catalog);
    if (summary !== undefined) summaries.set(externalOrderId, summary);
  }
  return { ids, summaries };
}
