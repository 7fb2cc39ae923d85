/**
 * Whether the rows that a catalogue names by their ids are still those that it read.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { type Catalog, nameInCatalog, productIdOf } from "./catalog.ts";
import { sumRange } from "./kept_products.ts";

/** The ids by which a catalogue knows customers and products, by the shop's names of them. */
export interface NamedRows {
  customers: ReadonlyMap<string, number>;
  products: ReadonlyMap<string, number>;
}

/**
 * By which ids a catalogue knows the customers and products of orders.
 *
 * @throws {StaleCatalog} where it does not know one of them any more
 */
export function namedRows(catalog: Catalog, orders: readonly IncomingOrder[]): NamedRows {
  const customers = new Map<string, number>(), products = new Map<string, number>();
  for (const order of orders) {
    // Of somebody who was erased the row has no name any more.
    const customer = nameInCatalog(catalog, order);
    if (customer !== undefined) customers.set(customer.name, customer.id);
    for (const { sku } of order.items) products.set(sku, productIdOf(catalog, sku));
  }
  return { customers, products };
}

/**
 * Whether customers and products have the ids by which they were known. They don't where a server has taken the place of the one that
 * they were read from, lacks its last commits, and has given their ids to others: of a run that is longer than a failover most was
 * read from the one before. What was lost of so little that nobody had heard of it makes no older database to anybody, so that
 * this is the only look that finds it.
 *
 * To be asked in the transaction that writes the orders, once they hold their customers' rows by the foreign key and the products
 * are locked.
 */
export async function areSameRows(
  tx: Queryable,
  { customers, products }: NamedRows,
): Promise<boolean> {
  const [row] = await tx.query(
    `
    select
      (select ${sumOf("external_id")} from customers where id in (?)) as customers,
      (select ${sumOf("sku")} from products where id in (?)) as products`,
    [idList(customers), idList(products)],
  );
  return toInteger(row!.customers) === sumOfIds(customers) &&
    toInteger(row!.products) === sumOfIds(products);
}

function idList(ids: ReadonlyMap<string, number>): number[] {
  return ids.size === 0 ? [0] : [...ids.values()];
}

/** Weighted as `sumOfProducts()` is, because checksums alone would cancel each other out. */
function sumOf(name: "external_id" | "sku"): string {
  return `coalesce(mod(sum(crc32(concat_ws(':', id, ${name})) * (id % 509 + 1)), ${sumRange}), 0)`;
}

function sumOfIds(ids: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [name, id] of ids) sum = (sum + crc32(`${id}:${name}`) * (id % 509 + 1)) % sumRange;
  return sum;
}
