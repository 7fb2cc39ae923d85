/**
 * Customers and products: found, created, and described by the latest order that names them.
 *
 * @module
 */

import {
  compareText,
  type CustomerText,
  type Described,
  describedBy,
  laterDescription,
  type ProductText,
} from "../../domain/order/descriptions.ts";
import {
  type ErasedCustomer,
  erasedText,
  isBeforeErasure,
} from "../../domain/customer/erased_customer.ts";
import { guestIdOf } from "../../domain/order/guest.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { ownCopy } from "../../domain/text/own_copy.ts";
import { type Database, type Queryable, type Row, toInteger } from "../connection/database.ts";
import { isDuplicateKey } from "../connection/faults.ts";
import { listRows } from "../connection/insert_once.ts";
import { inParts } from "../connection/packet_size.ts";
import {
  latestErasure,
  readErased,
  readErasedSince,
  readErasureKey,
  readLatestErasure,
} from "../customers/erased_keys.ts";
import {
  createCustomers,
  type CustomerRow,
  deleteUnused,
  insertNewCustomers,
} from "./inserted_customers.ts";
import { addFirstStock } from "./stock.ts";

/** A row of the catalogue, and what the orders of this run say of it. */
export interface CatalogEntry<T> {
  id: number;
  /** What a customer was first known by, which never changes. */
  first?: T;
  /** As the database had it when it was read. */
  stored: Described<T>;
  /** The latest of the run; written by {@linkcode writeDescriptions}. */
  latest?: Described<T>;
  /** Of a product, its part of `sumOfProducts()` with what it is called, once that was asked for. */
  sum?: number;
  /** Likewise of what never changes: whose id it is. */
  nameSum?: number;
}

/**
 * What a run knows of the catalogue, so that it asks only once. It can't be wrong: ids never change but for people who are
 * erased, see {@linkcode StaleCatalog}, and a description is written under the condition that it is later than the one in
 * the database.
 */
export interface Catalog {
  customers: Map<string, CatalogEntry<CustomerText>>;
  products: Map<string, CatalogEntry<ProductText>>;
  /** Those who were erased, by the ids under which files may bring them again. */
  erased: Map<string, ErasedCustomer>;
  /** The latest erasure that was there when customers were read; undefined where none were yet. */
  erasures: number | undefined;
  /** Of the settings, as those who complete it say. */
  erasureSecret: string;
  /** Some of the products were read for other orders, see `kept_products.ts`; they may be called something else by now. */
  hasLent?: boolean;
  /** Customers that were looked for in vain were there by the time that they were created: others create them as well. */
  meetsOthers?: boolean;
}

/** Somebody was erased after the catalogue was read: nothing may be committed by it, see {@linkcode refreshCatalog}. */
export class StaleCatalog extends Error {
  override name = "StaleCatalog";
}

const rowsPerStatement = 1_000;

/**
 * Rows of the catalogue are not there, or not as it has them: it was read of a database that another one has taken the place of,
 * which lacks its last commits, as where a replica is promoted; or a while ago, see `kept_products.ts`. Nothing may be committed
 * by it, see {@linkcode forgetCatalog}.
 */
export class LostCatalog extends Error {
  override name = "LostCatalog";
}

/** A catalogue that knows nothing yet. */
export function emptyCatalog(): Catalog {
  return {
    customers: new Map(),
    products: new Map(),
    erased: new Map(),
    erasures: undefined,
    erasureSecret: "",
  };
}

/** The customer of an order, as it is to be written. */
export interface CustomerToWrite {
  id: number;
  /** What the customer was first known by. */
  first: CustomerText | undefined;
  /** Whom the order is for. */
  name: string;
  email: string | null;
}

/** The customer of an order, whom the catalogue knows; of somebody who was erased since it was placed, nobody. */
export function customerOf(catalog: Catalog, order: IncomingOrder): CustomerToWrite {
  const { externalId, name, email } = order.customer;
  if (isOfErased(catalog, order)) {
    const { id } = catalog.erased.get(externalId)!;
    return { id, first: undefined, name: erasedText, email: null };
  }
  const known = catalog.customers.get(externalId);
  // Another batch has found the customer erased and refreshed the catalogue.
  if (known === undefined) throw new StaleCatalog("A customer is not known any more");
  return { id: known.id, first: known.first, name, email };
}

/** The product of an SKU, which the catalogue knows. */
export function productIdOf({ products }: Catalog, sku: string): number {
  const known = products.get(sku);
  // Another batch has found rows to be gone and forgotten all of them.
  if (known === undefined) throw new StaleCatalog("A product is not known any more");
  return known.id;
}

/** True where nobody has to look who the customer was. */
function isOfErased({ erased }: Catalog, order: IncomingOrder): boolean {
  if (erased.size === 0) return false;
  const { customer: { externalId }, placedAt } = order;
  const person = erased.get(externalId);
  return person !== undefined && isBeforeErasure(placedAt, person);
}

/**
 * Makes a stale catalogue true again: whoever was erased since is read anew. Others may read into it meanwhile; what they
 * read that is older is found out by the next transaction.
 */
export async function refreshCatalog(db: Queryable, catalog: Catalog): Promise<void> {
  const before = catalog.erasures;
  const latest = await readLatestErasure(db);
  const ids = await readErasedSince(db, before ?? 0);
  for (const [key, { id }] of catalog.customers) if (ids.has(id)) catalog.customers.delete(key);
  await forgetReturned(db, catalog);
  catalog.erased.clear();
  if (catalog.erasures === before) catalog.erasures = latest;
}

/**
 * Has those looked up again who have the id of somebody who was erased. Who was created after an erasure that was not known then,
 * as a guest of the same address, may be the erased: their row is deleted unless they have orders, so that whoever looks them
 * up finds the erasure.
 */
async function forgetReturned(db: Queryable, catalog: Catalog): Promise<void> {
  const { customers, erasureSecret } = catalog;
  if (customers.size === 0) return;
  const returned = await readErased(
    db,
    [...customers.keys()],
    await readErasureKey(db, erasureSecret),
  );
  const ids = [...returned.keys()].flatMap((key) => customers.get(key)?.id ?? []);
  await deleteUnused(db, ids);
  for (const key of returned.keys()) customers.delete(key);
}

/** Makes the catalogue know nothing of rows any more, so that they are looked up again. */
export function forgetCatalog(catalog: Catalog): void {
  catalog.customers.clear();
  catalog.products.clear();
  catalog.erased.clear();
  catalog.erasures = undefined;
  catalog.hasLent = false;
}

/**
 * Makes the catalogue know every customer and product of the orders, creating what is missing.
 *
 * New products get `initialStock` units; products that exist are not touched. Each statement is committed
 * by itself: a crash leaves customers and products that no order names yet, which the next run finds.
 */
export function completeCatalog(
  db: Database,
  catalog: Catalog,
  orders: readonly IncomingOrder[],
  options: CompleteOptions,
): Promise<void> {
  const within = <T>(create: (tx: Queryable) => Promise<T>) =>
    db.transaction(create, { asksOnce: true });
  const insertNew = async (rows: CustomerRow[]) => {
    if (rows.length === 0 || catalog.meetsOthers) return undefined;
    try {
      return entriesOf(rows, await within((tx) => insertNewCustomers(tx, rows)));
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      // As where many orders of a file are of one customer: its batches come upon each other's.
      catalog.meetsOthers = true;
      return undefined;
    }
  };
  return complete(db, { within, insertNew }, { catalog, orders, options });
}

/**
 * The catalogue with every customer and product of the orders, creating what is missing in the transaction that writes
 * them: an order that it refuses leaves nothing. Orders must be locked before.
 *
 * @returns the same catalogue where nothing was missing, else another one, which is true once the transaction is
 * committed: see {@linkcode learnFrom}
 */
export async function completedWithin(
  tx: Queryable,
  catalog: Catalog,
  orders: readonly IncomingOrder[],
  options: CompleteOptions,
): Promise<Catalog> {
  const { customers, products } = unknownIn(catalog, orders);
  if (customers.size + products.size === 0) return catalog;
  const own: Catalog = {
    ...catalog,
    customers: new Map(catalog.customers),
    products: new Map(catalog.products),
    erased: new Map(catalog.erased),
  };
  await complete(tx, { within: (create) => create(tx) }, { catalog: own, orders, options });
  return own;
}

/** Makes a catalogue know what another one knows. */
export function learnFrom(catalog: Catalog, other: Catalog): void {
  if (other === catalog) return;
  for (const [key, entry] of other.customers) {
    if (!catalog.customers.has(key)) catalog.customers.set(key, entry);
  }
  for (const [key, entry] of other.products) {
    if (!catalog.products.has(key)) catalog.products.set(key, entry);
  }
  for (const [key, person] of other.erased) catalog.erased.set(key, person);
  catalog.erasures ??= other.erasures;
}

/** How a catalogue is completed. */
export interface CompleteOptions {
  /** Units of a new product; undefined: create nothing. */
  initialStock: number | undefined;
  /** Who takes the orders, for the timelines of new products. */
  actor: string;
  /** Of the settings; by it people are known again who were erased. */
  erasureSecret?: string;
  /** What was looked for just now and is not looked for again. */
  absent?: AbsentKeys;
}

/** What was looked for a moment ago and is not there. */
export interface AbsentKeys {
  customers: ReadonlySet<string>;
  products: ReadonlySet<string>;
}

/**
 * Makes the catalogue know those customers and products of the orders that there are; creates nothing.
 *
 * @returns the others
 */
export async function lookUpCatalog(
  db: Queryable,
  catalog: Catalog,
  orders: readonly IncomingOrder[],
): Promise<AbsentKeys> {
  const { customers, products } = unknownIn(catalog, orders);
  const [absentCustomers, absentProducts] = await Promise.all([
    lookUp(db, catalog, catalogCustomers, [...customers.keys()]),
    lookUp(db, catalog, catalogProducts, [...products.keys()]),
  ]);
  return { customers: new Set(absentCustomers), products: new Set(absentProducts) };
}

/** As {@linkcode lookUpCatalog}, of products alone. @returns those that are not there */
export async function lookUpProducts(
  db: Queryable,
  catalog: Catalog,
  orders: readonly IncomingOrder[],
): Promise<string[]> {
  const { products } = unknownIn(catalog, orders);
  return await lookUp(db, catalog, catalogProducts, [...products.keys()]);
}

/**
 * Creates, in the transaction that writes their orders, the customers whom the catalogue does not know and who are not kept as ones
 * that there are; those who are there all the same stay as they are.
 *
 * Only where nobody was ever erased: nobody is asked for whose name may not come back.
 *
 * @returns undefined, and nothing asked for, where there are none
 */
export function createStrangers(
  tx: Queryable,
  catalog: Catalog,
  orders: readonly IncomingOrder[],
  kept: { has(externalId: string): boolean },
): Promise<unknown> | undefined {
  const { customers } = unknownIn(catalog, orders);
  // All writers have them in this order, so that none waits for another in a ring.
  const keys = [...customers.keys()].filter((key) => !kept.has(key)).sort();
  return keys.length === 0 ? undefined : createCustomers(tx, rowsOf(keys, customers));
}

/** One of the two kinds of rows that a catalogue has. */
interface CatalogPart<T> {
  known(catalog: Catalog): Map<string, CatalogEntry<T>>;
  find(db: Queryable, keys: string[]): Promise<FoundEntries<T>>;
}

const catalogCustomers: CatalogPart<CustomerText> = {
  known: ({ customers }) => customers,
  find: findCustomers,
};

const catalogProducts: CatalogPart<ProductText> = {
  known: ({ products }) => products,
  find: async (db, keys) => ({ found: await findProducts(db, keys) }),
};

/** @returns the keys that are not there */
async function lookUp<T>(
  db: Queryable,
  catalog: Catalog,
  part: CatalogPart<T>,
  keys: string[],
): Promise<string[]> {
  if (keys.length === 0) return [];
  return learn(catalog, part, keys, await part.find(db, keys));
}

/** @returns the keys that were not found */
function learn<T>(
  catalog: Catalog,
  part: CatalogPart<T>,
  keys: readonly string[],
  { found, erasures }: FoundEntries<T>,
): string[] {
  // In one step with what was read: see `refreshCatalog`.
  if (erasures !== undefined) noteErasures(catalog, erasures);
  const known = part.known(catalog);
  for (const [key, entry] of found) if (!known.has(key)) known.set(key, entry);
  return keys.filter((key) => !found.has(key));
}

/** How rows are created. */
interface Creating {
  /** Runs what creates rows in a transaction. */
  within<T>(create: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Inserts customers in a transaction of their own; undefined, and nothing done, where one of them may be there by now. */
  insertNew?(rows: CustomerRow[]): Promise<Map<string, CatalogEntry<CustomerText>> | undefined>;
}

/** Customers that were inserted just so, by external id. */
function entriesOf(
  rows: readonly CustomerRow[],
  ids: ReadonlyMap<string, number>,
): Map<string, CatalogEntry<CustomerText>> {
  return new Map(
    ownCopy(rows).flatMap(([externalId, described]) => {
      const id = ids.get(externalId);
      return id === undefined
        ? []
        : [[externalId, { id, first: described.text, stored: described }]];
    }),
  );
}

/** Rows to create, in the order of the keys. */
function rowsOf<T>(
  keys: readonly string[],
  named: ReadonlyMap<string, Described<T>>,
): [string, Described<T>][] {
  return keys.map((key) => [key, named.get(key)!]);
}

async function complete(
  db: Queryable,
  { within, insertNew }: Creating,
  { catalog, orders, options }: {
    catalog: Catalog;
    orders: readonly IncomingOrder[];
    options: CompleteOptions;
  },
): Promise<void> {
  catalog.erasureSecret = options.erasureSecret ?? catalog.erasureSecret;
  const { customers, products } = unknownIn(catalog, orders);
  const { initialStock, absent, actor } = options;
  const missingOf = async <T>(
    part: CatalogPart<T>,
    named: ReadonlyMap<string, Described<T>>,
    isAbsent: ReadonlySet<string> | undefined,
  ) => {
    const keys = [...named.keys()];
    if (isAbsent === undefined) return await lookUp(db, catalog, part, keys);
    const others = keys.filter((key) => !isAbsent.has(key));
    const notFound = await lookUp(db, catalog, part, others);
    return [...keys.filter((key) => isAbsent.has(key)), ...notFound];
  };
  const createAll = async <T>(
    part: CatalogPart<T>,
    named: ReadonlyMap<string, Described<T>>,
    missing: string[],
    create: (tx: Queryable, rows: [string, Described<T>][]) => Promise<unknown>,
  ) => {
    if (missing.length === 0) return;
    const keys = missing.sort();
    const rows = rowsOf(keys, named);
    // It is true once the transaction is committed.
    const found = await within(async (tx) =>
      (await Promise.all([create(tx, rows), part.find(tx, keys)]))[1]
    );
    learn(catalog, part, keys, found);
  };
  const [newCustomers, newProducts] = await Promise.all([
    missingOf(catalogCustomers, customers, absent?.customers),
    missingOf(catalogProducts, products, absent?.products),
  ]);
  if (initialStock === undefined) return;
  if (newCustomers.length > 0) {
    const created = await withoutErased(db, catalog, newCustomers, orders);
    const inserted = await insertNew?.(rowsOf(created.sort(), customers));
    if (inserted === undefined) {
      await createAll(catalogCustomers, customers, created, createCustomers);
    } else {
      const left = learn(catalog, catalogCustomers, created, { found: inserted });
      await lookUp(db, catalog, catalogCustomers, left);
    }
  }
  await createAll(catalogProducts, products, newProducts, (tx, rows) =>
    Promise.all([
      createProducts(tx, rows, initialStock),
      initialStock > 0 &&
      addFirstStock(tx, rows.map(([sku]) => sku), initialStock, actor),
    ]));
}

/**
 * Makes the catalogue know who of some people was erased.
 *
 * @returns those who are to be created: all others, and those who came back with an order that they placed later
 */
async function withoutErased(
  db: Queryable,
  catalog: Catalog,
  missing: string[],
  orders: readonly IncomingOrder[],
): Promise<string[]> {
  if (catalog.erasures === 0) return missing;
  const key = await readErasureKey(db, catalog.erasureSecret);
  const erased = await readErased(db, missing, key);
  for (const [id, person] of erased) catalog.erased.set(id, person);
  const returned = new Set(
    orders.filter(({ customer: { externalId }, placedAt }) => {
      const person = erased.get(externalId);
      return person !== undefined && !isBeforeErasure(placedAt, person);
    }).map(({ customer: { externalId } }) => externalId),
  );
  return missing.filter((id) => !erased.has(id) || returned.has(id));
}

/** Makes the catalogue know every product of the orders that there is; creates nothing. */
export async function learnProducts(
  db: Queryable,
  catalog: Catalog,
  orders: readonly IncomingOrder[],
): Promise<void> {
  const { products } = unknownIn(catalog, orders);
  await lookUp(db, catalog, catalogProducts, [...products.keys()]);
}

/** Notes what orders say of customers and products that the catalogue knows; writes nothing. */
export function noteDescriptions(catalog: Catalog, orders: readonly IncomingOrder[]): void {
  // Most files have the latest order last: met first, it leaves nothing to do for the others.
  for (let at = orders.length - 1; at >= 0; at--) {
    const order = orders[at]!;
    // Beyond every order that was placed at the same time, because a time is followed by a space.
    const end = `${order.placedAt}!`;
    const { externalId, email, name } = order.customer;
    let by: string | undefined;
    const customer = isOfErased(catalog, order) ? undefined : catalog.customers.get(externalId);
    if (mayDescribe(customer, end)) {
      note(customer, { text: { email: email ?? "", name }, by: by ??= describedBy(order) });
    }
    for (const { sku, name, unitPriceCents } of order.items) {
      const product = catalog.products.get(sku);
      if (mayDescribe(product, end)) {
        const text = { name, priceCents: unitPriceCents };
        note(product, { text, by: by ??= describedBy(order) });
      }
    }
  }
}

/**
 * Writes the descriptions that differ from the stored ones, unless a later order has described the row.
 *
 * @param options.everyDate write as well which order described a row last where its description stays the
 * same: for a catalogue that is given up in the middle of a run
 */
export async function writeDescriptions(
  db: Database,
  catalog: Catalog,
  options: { everyDate: boolean },
): Promise<void> {
  const customers = await unerased(db, catalog, changed(catalog.customers, options.everyDate));
  const products = changed(catalog.products, options.everyDate);
  for (const rows of chunks(customers)) {
    await inParts(rows, (part) => db.transaction((tx) => describeCustomers(tx, part)));
  }
  for (const rows of chunks(products)) {
    await inParts(rows, (part) => db.transaction((tx) => describeProducts(tx, part)));
  }
  for (const [, entry] of [...customers, ...products]) entry.stored = entry.latest!;
}

/**
 * Leaves out those who would be called by somebody who was erased, as by an old file with an order that was sent to them:
 * a customer is called by the latest order.
 */
async function unerased(
  db: Queryable,
  { erasures, erasureSecret }: Catalog,
  rows: [string, CatalogEntry<CustomerText>][],
): Promise<[string, CatalogEntry<CustomerText>][]> {
  if (rows.length === 0 || !erasures) return rows;
  const guestOf = ([, { latest }]: typeof rows[number]) => {
    const { email } = latest!.text;
    return email === "" ? undefined : guestIdOf(email, "");
  };
  const guests = [...new Set(rows.flatMap((row) => guestOf(row) ?? []))];
  const erased = await readErased(db, guests, await readErasureKey(db, erasureSecret));
  return rows.filter((row) => {
    const person = erased.get(guestOf(row) ?? "");
    return person === undefined || !isBeforeErasure(row[1].latest!.by, person);
  });
}

/** Most orders are not the latest of what they name: this tells so before anything is made of them. */
function mayDescribe<T>(entry: CatalogEntry<T> | undefined, end: string): entry is CatalogEntry<T> {
  return entry !== undefined && (entry.latest === undefined || entry.latest.by < end);
}

function note<T extends object>(entry: CatalogEntry<T>, described: Described<T>): void {
  const later = laterDescription(entry.latest, described);
  if (later === entry.latest) return;
  // What an order says is part of a piece of its file, which must not stay in memory for it.
  const text = sameText(later.text, entry.stored.text)
    ? entry.stored.text
    : JSON.parse(JSON.stringify(later.text)) as T;
  entry.latest = { text, by: later.by };
}

/** What the orders name and the catalogue does not know, with its latest description. */
function unknownIn(catalog: Catalog, orders: readonly IncomingOrder[]) {
  const customers = new Map<string, Described<CustomerText>>();
  const products = new Map<string, Described<ProductText>>();
  for (const order of orders) {
    const { externalId, email, name } = order.customer;
    // Made once, and of most orders never.
    let by: string | undefined;
    if (!catalog.customers.has(externalId) && !isOfErased(catalog, order)) {
      const customer = { text: { email: email ?? "", name }, by: by ??= describedBy(order) };
      customers.set(externalId, laterDescription(customers.get(externalId), customer));
    }
    for (const { sku, name, unitPriceCents } of order.items) {
      if (catalog.products.has(sku)) continue;
      const text = { name, priceCents: unitPriceCents };
      const product = { text, by: by ??= describedBy(order) };
      products.set(sku, laterDescription(products.get(sku), product));
    }
  }
  return { customers, products };
}

/** Entries to write, by id as rows are locked. */
function changed<T extends object>(
  entries: Map<string, CatalogEntry<T>>,
  everyDate: boolean,
): [string, CatalogEntry<T>][] {
  return [...entries]
    .filter(([, { stored, latest }]) => {
      if (latest === undefined) return false;
      const order = compareText(latest.by, stored.by);
      return order >= 0 && (!sameText(latest.text, stored.text) || (everyDate && order > 0));
    })
    .sort(([, a], [, b]) => a.id - b.id);
}

function sameText<T extends object>(a: T, b: T): boolean {
  for (const key in a) if (a[key] !== b[key]) return false;
  return true;
}

function* chunks<T>(rows: T[]): Generator<T[]> {
  for (let from = 0; from < rows.length; from += rowsPerStatement) {
    yield rows.slice(from, from + rowsPerStatement);
  }
}

/** Rows that were looked for, and the latest erasure by then: whoever was erased is not among them. */
interface FoundEntries<T> {
  found: Map<string, CatalogEntry<T>>;
  erasures?: number;
}

/** What was read before may be older than what is read now; the transaction that writes finds that out. */
function noteErasures(catalog: Catalog, erasures: number): void {
  catalog.erasures = Math.min(catalog.erasures ?? erasures, erasures);
}

/** Whether a customer is still called as when it was first known. A text less is a microsecond less of the driver's. */
const isAsFirst = "cast(first_email as binary) = cast(email as binary) and " +
  "cast(first_name as binary) = cast(name as binary)";

async function findCustomers(
  db: Queryable,
  externalIds: string[],
): Promise<FoundEntries<CustomerText>> {
  let erasures = Infinity;
  const found = new Map<string, CatalogEntry<CustomerText>>();
  for (const part of chunks(externalIds)) {
    const rows = await db.query(
      `
      select id, external_id, email, name, if(${isAsFirst}, null, first_email) as first_email,
        if(${isAsFirst}, null, first_name) as first_name, described_by
      from customers force index (customers_external_id)
      where external_id in (?)
      union all
      select ${latestErasure}, null, null, null, null, null, null`,
      [part],
    );
    // Of one statement, so it goes for these rows.
    erasures = Math.min(erasures, toInteger(rows.pop()!.id));
    for (const row of rows) {
      const text = { email: String(row.email), name: String(row.name) };
      const first = row.first_name === null
        ? text
        : { email: String(row.first_email), name: String(row.first_name) };
      found.set(String(row.external_id), {
        id: toInteger(row.id),
        first,
        stored: stored(row, text),
      });
    }
  }
  return { found, erasures };
}

async function findProducts(db: Queryable, skus: string[]) {
  const found = new Map<string, CatalogEntry<ProductText>>();
  for (const part of chunks(skus)) {
    const rows = await db.query(
      `
      select id, sku, name, price_cents, described_by
      from products force index (products_sku)
      where sku in (?)`,
      [part],
    );
    for (const row of rows) {
      const text = { name: String(row.name), priceCents: toInteger(row.price_cents) };
      found.set(String(row.sku), { id: toInteger(row.id), stored: stored(row, text) });
    }
  }
  return found;
}

function stored<T>(row: Row, text: T): Described<T> {
  return { text, by: String(row.described_by) };
}

function createProducts(
  tx: Queryable,
  rows: [string, Described<ProductText>][],
  initialStock: number,
) {
  const listed = listRows(
    "(?, ?, ?, ?, ?, ?)",
    rows.map(([key, { text, by }]) => [
      key,
      text.name,
      text.priceCents,
      by,
      initialStock,
      initialStock,
    ]),
  );
  return tx.runText(
    `
    insert into products (sku, name, price_cents, described_by, stock_qty, received_qty)
    values ${listed.sql}
    on duplicate key update sku = products.sku`,
    listed.values,
  );
}

/**
 * Locks rows that are about to be described.
 *
 * An INSERT from a SELECT holds MariaDB's lock on a table's counter until it ends, and whoever waits for
 * rows with it deadlocks with writers of stock, who hold rows and wait for the counter. With all rows
 * locked first, nobody waits for a row while holding the counter.
 *
 * @returns those that are still there: a database that was replaced by an older one may lack some, or have given
 * their ids to others, and must not get them as products without stock
 */
async function lockRows<T extends { id: number }>(
  tx: Queryable,
  table: "customers" | "products",
  rows: readonly [string, T][],
): Promise<[string, T][]> {
  const ids = rows.map(([, { id }]) => id).sort((a, b) => a - b);
  const key = table === "customers" ? "external_id" : "sku";
  const found = await tx.query(
    `select id, ${key} as name from ${table} force index (primary) where id in (?) order by id for update`,
    [ids],
  );
  const nameOf = new Map(found.map(({ id, name }) => [toInteger(id), String(name)]));
  return rows.filter(([name, { id }]) => nameOf.get(id) === name);
}

// The rows exist: inserting them only leads to the update, by primary key and in the order of the ids.

async function describeCustomers(
  tx: Queryable,
  known: readonly [string, CatalogEntry<CustomerText>][],
) {
  const rows = await lockRows(tx, "customers", known);
  if (rows.length === 0) return;
  await tx.run(
    `
    insert into customers (id, external_id, email, name, described_by)
    select j.id, j.external_id, j.email, j.name, j.described_by
    from json_table(?, '$[*]' columns (
      id bigint unsigned path '$[0]',
      external_id varchar(64) character set utf8mb4 collate utf8mb4_bin path '$[1]',
      email varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[2]',
      name varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[3]',
      described_by varchar(96) character set utf8mb4 collate utf8mb4_bin path '$[4]')) j
    on duplicate key update
      email = if(values(described_by) >= customers.described_by, values(email), customers.email),
      name = if(values(described_by) >= customers.described_by, values(name), customers.name),
      described_by = greatest(values(described_by), customers.described_by)`,
    [
      JSON.stringify(rows.map(([key, { id, latest }]) => [
        id,
        key,
        latest!.text.email,
        latest!.text.name,
        latest!.by,
      ])),
    ],
  );
}

async function describeProducts(
  tx: Queryable,
  known: readonly [string, CatalogEntry<ProductText>][],
) {
  const rows = await lockRows(tx, "products", known);
  if (rows.length === 0) return;
  await tx.run(
    `
    insert into products (id, sku, name, price_cents, described_by, stock_qty, received_qty)
    select j.id, j.sku, j.name, j.price_cents, j.described_by, 0, 0
    from json_table(?, '$[*]' columns (
      id bigint unsigned path '$[0]',
      sku varchar(64) character set utf8mb4 collate utf8mb4_bin path '$[1]',
      name varchar(255) character set utf8mb4 collate utf8mb4_unicode_ci path '$[2]',
      price_cents bigint path '$[3]',
      described_by varchar(96) character set utf8mb4 collate utf8mb4_bin path '$[4]')) j
    on duplicate key update
      name = if(values(described_by) >= products.described_by, values(name), products.name),
      price_cents =
        if(values(described_by) >= products.described_by, values(price_cents), products.price_cents),
      described_by = greatest(values(described_by), products.described_by)`,
    [
      JSON.stringify(rows.map(([key, { id, latest }]) => [
        id,
        key,
        latest!.text.name,
        latest!.text.priceCents,
        latest!.by,
      ])),
    ],
  );
}
