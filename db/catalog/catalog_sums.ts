/**
 * Checksums by which a transaction holds what a catalogue says of rows against the rows themselves.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import type { ProductText } from "../../domain/order/descriptions.ts";
import { type Catalog, type CatalogEntry, customerOf } from "./catalog.ts";

/** Sums count up to here and begin anew: they are exact as numbers, however many there are. */
export const sumRange = 2 ** 52;

/**
 * What is added up of a row of `products`: whose id it is, or also what it is called. For a statement. Checksums alone would cancel each
 * other out, because they are linear: of two products that have changed their places, or that one order has described alike. So
 * each has a weight.
 */
export const productSums = {
  names: "crc32(concat_ws(':', products.id, products.sku)) * (products.id % 509 + 1)",
  descriptions:
    "crc32(concat_ws(':', products.id, products.sku, products.name, products.price_cents, products.described_by)) " +
    "* (products.id % 509 + 1)",
};

/** Whose id it is, of a row of `customers`, likewise. */
export const customerSum =
  "crc32(concat_ws(':', customers.id, customers.external_id)) * (customers.id % 509 + 1)";

/** A checksum of what a catalogue knows of some products, each named once: the sum of one of {@linkcode productSums} of their rows. */
export function sumOfProducts(
  { products }: Catalog,
  skus: Iterable<string>,
  of: keyof typeof productSums,
): number {
  let sum = 0;
  for (const sku of skus) {
    const entry = products.get(sku)!;
    const added = of === "names"
      ? entry.nameSum ??= sumOfName(entry.id, sku)
      : entry.sum ??= sumOfDescription(sku, entry);
    sum = (sum + added) % sumRange;
  }
  return sum;
}

/** Customers that orders are given to by their ids. */
export interface KnownCustomers {
  /** Each once. */
  ids: number[];
  /** What {@linkcode customerSum} of their rows comes to. */
  sum: number;
}

/** The customers of orders as a catalogue knows them; those who were erased have no names by which their rows could be told from others. */
export function knownCustomers(catalog: Catalog, orders: readonly IncomingOrder[]): KnownCustomers {
  const ids = new Set<number>();
  let sum = 0;
  for (const order of orders) {
    const { externalId } = order.customer;
    const entry = catalog.customers.get(externalId);
    if (entry === undefined || ids.has(entry.id) || customerOf(catalog, order).id !== entry.id) {
      continue;
    }
    ids.add(entry.id);
    sum = (sum + (entry.nameSum ??= sumOfName(entry.id, externalId))) % sumRange;
  }
  return { ids: [...ids], sum };
}

function sumOfName(id: number, name: string): number {
  return crc32(`${id}:${name}`) * (id % 509 + 1);
}

function sumOfDescription(
  sku: string,
  { id, stored: { text, by } }: CatalogEntry<ProductText>,
): number {
  return crc32(`${id}:${sku}:${text.name}:${text.priceCents}:${by}`) * (id % 509 + 1);
}
