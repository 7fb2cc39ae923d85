/**
 * Products as they were read a while ago, kept from one set of orders to the next.
 *
 * @module
 */

import type { ProductText } from "../../domain/order/descriptions.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";

/** Products that are kept at the most: some megabytes. */
const maxKept = 10_000;

/**
 * How long nothing is lent after something was found to be true no more, in milliseconds: where each order calls a product
 * something else, as in another currency, every other transaction would be in vain.
 */
const restMs = 1_000;

/**
 * Products that a process has read, for sets of orders that come one after the other and name the same ones: to read one costs
 * many times what it costs to see that it is still the same.
 *
 * Whoever writes by them has their rows locked and holds those against `sumOfProducts()`: another process may have
 * described them anew, or another database have taken the place of the one that they were read from.
 */
export interface KeptProducts {
  /** Has a catalogue know those that the orders name and that are kept, and note that it has some of them. */
  lend(catalog: Catalog, orders: readonly IncomingOrder[]): void;
  /** Keeps what a catalogue has read, but what was described by its orders. */
  keep(catalog: Catalog): void;
  /** Some of them are not true any more. */
  forget(): void;
}

/**
 * @param max products that are kept at the most
 * @param now a monotonic clock in ms
 */
export function keptProducts(
  max: number = maxKept,
  now: () => number = () => performance.now(),
): KeptProducts {
  const kept = new Map<string, CatalogEntry<ProductText>>();
  let restUntil = -Infinity;
  return {
    lend(catalog, orders) {
      if (kept.size === 0 || now() < restUntil) return;
      const { products } = catalog;
      for (const { items } of orders) {
        for (const { sku } of items) {
          const entry = products.has(sku) ? undefined : kept.get(sku);
          if (entry === undefined) continue;
          // What these orders say of it is noted in an entry of their own.
          products.set(sku, { ...entry });
          catalog.hasLent = true;
        }
      }
    },
    keep({ products }) {
      for (const [sku, { id, stored, latest, sum }] of products) {
        if (stored === latest) kept.delete(sku);
        else if (!kept.has(sku)) kept.set(sku, { id, stored, sum });
      }
      for (const sku of kept.keys()) {
        if (kept.size <= max) break;
        kept.delete(sku);
      }
    },
    forget() {
      kept.clear();
      restUntil = now() + restMs;
    },
  };
}
