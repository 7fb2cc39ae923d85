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
  | { kind: "fail"; reason: FailureReason; missing: readonly ItemNeed[] }
  /** Stay `PENDING` until there is stock; nothing is taken. */
  | { kind: "wait"; missing: readonly ItemNeed[] }
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
        const missing = missingUnits(needs, stock);
        if (missing.length > 0) return { kind: "fail", reason: "insufficient_stock", missing };
        takeUnits(needs, stock);
        return { kind: "reserve" };
      }
    }
  });
}

/** An order in the line for its units. */
export interface InLine {
  /** One entry a product. */
  needs: readonly ItemNeed[];
  /** It can't be decided about now, so that it may still take its units or leave them. */
  isOpen: boolean;
}

/**
 * Finds out who has to wait because somebody before is not decided about. Whoever gets all units whatever becomes of
 * those before, or can't get them in any case, need not: the decision is the same. One that has to wait is open for
 * those behind it.
 *
 * @param line in their turn
 * @param stock units left by product id, of all that those need who can be decided about
 * @returns for each whether it can't be decided about now
 */
export function findOpen(
  line: readonly InLine[],
  stock: ReadonlyMap<number, number>,
): boolean[] {
  const most = new Map(stock);
  const least = new Map(stock);
  return line.map(({ needs, isOpen }) => {
    const fits = missingUnits(needs, least).length === 0;
    if (isOpen || (!fits && missingUnits(needs, most).length === 0)) {
      for (const { productId, qty } of needs) {
        least.set(productId, (least.get(productId) ?? 0) - qty);
      }
      return true;
    }
    if (fits) {
      takeUnits(needs, most);
      takeUnits(needs, least);
    }
    return false;
  });
}

/** When an order came: those that were placed first are served first, and of them the lower id. */
export interface OrderPlace {
  /** Database id. */
  orderId: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
  placedAt: string;
}

/** Where orders may wait for stock, who else waits. */
export interface StockQueues {
  /** By product id, the first of the orders that wait for it and are not among the requests. */
  ahead: ReadonlyMap<number, OrderPlace>;
  /** When each of the requests came, by order id. */
  places: ReadonlyMap<number, OrderPlace>;
  /** Whether an order waits where something is short, or fails. */
  waits: (order: OrderFacts) => boolean;
}

/**
 * The same where orders may wait for stock: first come, first served, by when they were placed. An order that lacks
 * units of a product, or comes after another one that waits for it, waits for it as well; units of what it does not
 * lack are left to others meanwhile.
 *
 * @param requests one entry an order, in any order
 * @param stock units left by product id; **changed in place** to what is left afterwards
 * @returns a decision for each request, in the same order as these
 */
export function decideInTurn(
  requests: readonly ReserveRequest[],
  stock: Map<number, number>,
  { ahead, places, waits }: StockQueues,
): ReserveDecision[] {
  const decisions = new Map<number, ReserveDecision>();
  const kept = new Set<number>();
  const inTurn = requests.toSorted((a, b) =>
    comparePlaces(places.get(a.order.id)!, places.get(b.order.id)!)
  );
  for (const request of inTurn) {
    const { order, needs } = request;
    if (order.status !== "PENDING") {
      decisions.set(order.id, decideReservations([request], stock)[0]!);
      continue;
    }
    const mayWait = waits(order);
    const place = places.get(order.id)!;
    const missing = needs.flatMap((need) => {
      const { productId, qty } = need;
      const first = ahead.get(productId);
      const isBehind = mayWait &&
        (kept.has(productId) || (first !== undefined && comparePlaces(first, place) < 0));
      // What is there is for those that came before.
      return isBehind ? [need] : missingUnits([{ productId, qty }], stock);
    });
    if (missing.length === 0) {
      takeUnits(needs, stock);
      decisions.set(order.id, { kind: "reserve" });
    } else if (mayWait) {
      for (const { productId } of missing) kept.add(productId);
      decisions.set(order.id, { kind: "wait", missing });
    } else decisions.set(order.id, { kind: "fail", reason: "insufficient_stock", missing });
  }
  return requests.map(({ order }) => decisions.get(order.id)!);
}

/** The first of those who wait for a product, as many as its units cover. */
export function coveredBy<Waiting extends { qty: number }>(
  queue: readonly Waiting[],
  units: number,
): Waiting[] {
  const covered: Waiting[] = [];
  let left = units;
  for (const waiting of queue) {
    left -= waiting.qty;
    if (left < 0) break;
    covered.push(waiting);
  }
  return covered;
}

function comparePlaces(a: OrderPlace, b: OrderPlace): number {
  if (a.placedAt !== b.placedAt) return a.placedAt < b.placedAt ? -1 : 1;
  return a.orderId - b.orderId;
}

/** What there is too little of, and by how much. */
function missingUnits(
  needs: readonly ItemNeed[],
  stock: ReadonlyMap<number, number>,
): ItemNeed[] {
  const missing: ItemNeed[] = [];
  for (const { productId, qty } of needs) {
    const left = stock.get(productId) ?? 0;
    if (left < qty) missing.push({ productId, qty: qty - left });
  }
  return missing;
}

function takeUnits(needs: readonly ItemNeed[], stock: Map<number, number>): void {
  for (const { productId, qty } of needs) stock.set(productId, stock.get(productId)! - qty);
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

/**
 * Whether there are units for all that these orders need twice over: others take some before it is decided.
 *
 * @param stock units left by product id
 */
export function hasPlenty(
  requests: readonly ReserveRequest[],
  stock: ReadonlyMap<number, number>,
): boolean {
  const left = new Map(stock);
  for (const { needs } of requests) {
    for (const { productId, qty } of needs) {
      const rest = (left.get(productId) ?? 0) - 2 * qty;
      if (rest < 0) return false;
      left.set(productId, rest);
    }
  }
  return true;
}
