/**
 * Decides which orders of a batch get their stock.
 *
 * @module
 */

import type { FailureReason, ItemNeed, OrderFacts } from "./order.ts";

/** What became of one order. Replays are outcomes too: they have the effects of the first time. */
export type ReserveDecision =
  /** Take the units and become `RESERVED`. */
  | { kind: "reserve" }
  /** Become `FAILED`; nothing is taken. */
  | { kind: "fail"; reason: FailureReason }
  /** Was reserved before: charge again, the gateway knows the key. */
  | { kind: "already_reserved" }
  /** Was settled before: repeat what follows from it. */
  | { kind: "already_settled" };

/** An order and what it needs, one entry a product. */
export interface ReserveRequest {
  /** As its locked row says. */
  order: OrderFacts;
  /** One entry a product, see {@linkcode sumNeeds}. */
  needs: readonly ItemNeed[];
}

/**
 * Gives stock out in the order of the requests: an order gets all of its units or none.
 *
 * @param requests one entry an order; the first ones are served first
 * @param stock units left by product id; **changed in place** to what is left afterwards
 * @returns a decision for each request, in the same order
 */
export function decideReservations(
  requests: readonly ReserveRequest[],
  stock: Map<number, number>,
): ReserveDecision[] {
  return requests.map(({ order, needs }): ReserveDecision => {
    switch (order.status) {
      case "RESERVED":
        return { kind: "already_reserved" };
      case "PAID":
      case "FAILED":
      case "CANCELLED":
        return { kind: "already_settled" };
      case "PENDING": {
        const short = needs.some(({ productId, qty }) => (stock.get(productId) ?? 0) < qty);
        if (short) return { kind: "fail", reason: "insufficient_stock" };
        for (const { productId, qty } of needs) {
          stock.set(productId, stock.get(productId)! - qty);
        }
        return { kind: "reserve" };
      }
    }
  });
}

/** All items of an order put together by product, in the order of product ids. */
export function sumNeeds(items: Iterable<ItemNeed>): ItemNeed[] {
  const byProduct = new Map<number, number>();
  for (const { productId, qty } of items) {
    byProduct.set(productId, (byProduct.get(productId) ?? 0) + qty);
  }
  return [...byProduct]
    .map(([productId, qty]) => ({ productId, qty }))
    .sort((a, b) => a.productId - b.productId);
}
