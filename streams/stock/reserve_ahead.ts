/**
 * Writes reservations before their products are locked, where there are plenty of units.
 *
 * Whoever locks products has everybody else wait who needs one of them, until the commit. A batch of thousands locks
 * nearly all that are sold, and most of what it writes has nothing to do with them: that comes first. Where nobody may wait
 * for stock the units are taken by the last statement, which goes to the server with the commit, and the table's own check
 * refuses it where there are too few by then. Elsewhere the products are locked for two statements, and whether the units are there
 * is decided under the locks.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { isOversold, lockStock, readStockOf, takeStock } from "../../db/catalog/products.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { isRefused } from "../../db/connection/refuse_unless.ts";
import { refuseUnlessTransitioned, transitionOrders } from "../../db/orders/orders.ts";
import { readQueueHeads } from "../../db/orders/shortages.ts";
import {
  hasPlenty,
  type ReserveDecision,
  type ReserveRequest,
} from "../../domain/order/reserve.ts";
import { isSmallBatch } from "../workflow/small_batch.ts";

/** Thrown to roll back what was written ahead: by now there are too few units, or somebody waits for them. */
export class AheadInVain extends Error {}

/** What was written ahead, and the units by which it is decided. */
export interface Ahead {
  /** Ids of the orders that are written: all that were `PENDING`, or none. */
  ids: ReadonlySet<number>;
  /**
   * Units by product id, as they were before these orders: of products that are locked or, where `isTaken`, as they were seen without
   * locks. There the check of the table has held the units, and these only have every order decided as it was written.
   */
  stock: Map<number, number>;
  /** All are reserved and their units taken: the transaction may be committed, and must ask for nothing more. */
  isTaken: boolean;
}

/** How orders are reserved ahead. */
export interface AheadOptions {
  now: string;
  /** Delivery counts by order id. */
  attempts: ReadonlyMap<number, number>;
  /** False to lock the products alone. */
  tries: boolean;
  /** What was read of the products already, without locks. */
  seen?: ReadonlyMap<number, number> | undefined;
}

/**
 * Writes that locked orders are reserved, where there are plenty of units for all of them and nobody waits for any, and then
 * takes the units, or locks their products. The caller decides then, see {@linkcode holdToAhead}.
 *
 * @throws {AheadInVain} where there turn out to be too few
 */
export async function reserveAhead(
  deps: { consumer: string; onShortage?: "fail" | "wait" },
  tx: Queryable,
  requests: readonly ReserveRequest[],
  options: AheadOptions,
): Promise<Ahead> {
  const products = requests.flatMap(({ needs }) => needs.map(({ productId }) => productId));
  const pending = options.tries ? requests.filter(({ order }) => order.status === "PENDING") : [];
  const plenty = await plentyFor(deps, tx, pending, options.seen);
  if (plenty === undefined) {
    return { ids: new Set(), stock: await lockStock(tx, products), isTaken: false };
  }
  const ids = pending.map(({ order: { id } }) => id);
  const write = (): Promise<unknown>[] => [
    transitionOrders(tx, "reserve", ids, options.now),
    addOrderEvents(
      tx,
      ids.map((orderId) => ({
        orderId,
        event: "reserved",
        attempt: options.attempts.get(orderId) ?? 1,
      })),
      deps.consumer,
    ),
  ];
  // What was taken up again has something more to be read, and what is not `PENDING` something to be repeated.
  const areAll = requests.every(({ order }) =>
    order.status === "PENDING" && order.retryId === undefined
  );
  if (deps.onShortage !== "wait" && areAll) {
    await takeAhead(tx, pending, { write, now: options.now });
    return { ids: new Set(ids), stock: plenty, isTaken: true };
  }
  // Asked for at once, and run in this order.
  const [, stock] = await Promise.all([Promise.all(write()), lockStock(tx, products)]);
  return { ids: new Set(ids), stock, isTaken: false };
}

/** Takes the units of all orders, after what else is written of them, and commits with that. */
async function takeAhead(
  tx: Queryable,
  pending: readonly ReserveRequest[],
  { write, now }: { write: () => Promise<unknown>[]; now: string },
): Promise<void> {
  const units = new Map<number, number>();
  for (const { needs } of pending) {
    for (const { productId, qty } of needs) units.set(productId, (units.get(productId) ?? 0) + qty);
  }
  const ids = pending.map(({ order: { id } }) => id);
  try {
    if (!isSmallBatch(pending)) {
      await Promise.all(write());
      tx.asksLast?.();
      await takeStock(tx, units);
      return;
    }
    tx.asksLast?.(4);
    await Promise.all([
      ...write(),
      refuseUnlessTransitioned(tx, "reserve", ids, now),
      takeStock(tx, units),
    ]);
  } catch (error) {
    if (isOversold(error)) throw new AheadInVain();
    if (isRefused(error)) {
      throw new Error("Orders are in another state than was locked", { cause: error });
    }
    throw error;
  }
}

/**
 * The units that there are, as far as is known without locks, where they are plenty for all of some orders.
 *
 * @param seen of the products, where they were read already
 */
async function plentyFor(
  { onShortage }: { onShortage?: "fail" | "wait" },
  tx: Queryable,
  pending: readonly ReserveRequest[],
  seen: ReadonlyMap<number, number> | undefined,
): Promise<Map<number, number> | undefined> {
  if (pending.length === 0 || pending.some(({ order }) => order.backordered)) return undefined;
  const products = pending.flatMap(({ needs }) => needs.map(({ productId }) => productId));
  const [stock, heads] = await Promise.all([
    seen ?? readStockOf(tx, products),
    onShortage === "wait" ? readQueueHeads(tx, products, []) : undefined,
  ]);
  if (!hasPlenty(pending, stock) || (heads !== undefined && heads.size > 0)) return undefined;
  return new Map(stock);
}

/**
 * Holds decisions under the products' locks against what was written ahead.
 *
 * @throws {AheadInVain} where they differ
 */
export function holdToAhead(
  ahead: ReadonlySet<number>,
  requests: readonly ReserveRequest[],
  decisions: readonly ReserveDecision[],
): void {
  decisions.forEach(({ kind }, index) => {
    if (ahead.has(requests[index]!.order.id) && kind !== "reserve") throw new AheadInVain();
  });
}
