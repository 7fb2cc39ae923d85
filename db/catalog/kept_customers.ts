/**
 * Customers who were met a while ago, kept from one set of orders to the next.
 *
 * @module
 */

import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import type { Catalog } from "./catalog.ts";

/** Customers that are kept at the most. */
const maxKept = 20_000;

/**
 * How long nothing is guessed after a guess was wrong, in milliseconds: where a client sends orders again, every other transaction
 * would be in vain.
 */
const restMs = 1_000;

/**
 * What a process knows of customers, for sets of orders that come one after the other and are new: only that they are there. It
 * says whether orders may be written without looking first, see `streams/intake/take_as_new.ts`, and is never
 * believed: the transaction that writes by it finds out where it is not true.
 */
export interface KeptCustomers {
  /** Whether a customer was there, by the shop's id. */
  has(externalId: string): boolean;
  /** Whether orders may be taken for new ones: whoever creates customers must know that nobody was ever erased. */
  mayGuess(orders: readonly IncomingOrder[]): boolean;
  /** Keeps those of a catalogue, once they are committed. */
  keep(catalog: Catalog): void;
  /** A guess was wrong. */
  rest(): void;
}

/**
 * @param max customers that are kept at the most
 * @param now a monotonic clock in ms
 */
export function keptCustomers(
  max: number = maxKept,
  now: () => number = () => performance.now(),
): KeptCustomers {
  const kept = new Set<string>();
  let erasures: number | undefined;
  let restUntil = -Infinity;
  const has = (externalId: string) => kept.has(externalId);
  return {
    has,
    mayGuess: (orders) =>
      erasures !== undefined && now() >= restUntil &&
      (erasures === 0 || orders.every(({ customer: { externalId } }) => has(externalId))),
    keep(catalog) {
      if (catalog.erasures === undefined) return;
      erasures = catalog.erasures;
      for (const externalId of catalog.customers.keys()) kept.add(externalId);
      for (const externalId of kept) {
        if (kept.size <= max) break;
        kept.delete(externalId);
      }
    },
    rest() {
      kept.clear();
      erasures = undefined;
      restUntil = now() + restMs;
    },
  };
}
