/**
 * Writes reservations before their products are locked, where there are plenty of units.
 *
 * Whoever locks products has everybody else wait who needs one of them, until the commit. A batch of thousands locks
 * nearly all that are sold, and most of what it writes has nothing to do with them: that comes first, and the products
 * are locked for their own two statements alone. Whether the units are there is decided under the locks all the same.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { lockStock, readStockOf } from "../../db/catalog/products.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { transitionOrders } from "../../db/orders/orders.ts";
import { readQueueHeads } from "../../db/orders/shortages.ts";
import {
  hasPlenty,
  type ReserveDecision,
  type ReserveRequest,
} from "../../domain/order/reserve.ts";

/** Thrown to roll back what was written ahead: by now there are too few units, or somebody waits for them. */
export class AheadInVain extends Error {}

/** What was written ahead, and what is left of the products that are locked now. */
export interface Ahead {
  /** Ids of the orders that are written: all that were `PENDING`, or none. */
  ids: ReadonlySet<number>;
  /** Units by product id. */
  stock: Map<number, number>;
}

/**
 * Writes that locked orders are reserved, where there are plenty of units for all of them and nobody waits for any, and then
 * locks their products. The caller decides under these locks, see {@linkcode holdToAhead}.
 *
 * @param options.tries false to lock the products alone
 */
export async function reserveAhead(
  deps: { consumer: string; onShortage?: "fail" | "wait" },
  tx: Queryable,
  requests: readonly ReserveRequest[],
  { now, attempts, tries }: { now: string; attempts: ReadonlyMap<number, number>; tries: boolean },
): Promise<Ahead> {
  const products = requests.flatMap(({ needs }) => needs.map(({ productId }) => productId));
  const pending = tries ? requests.filter(({ order }) => order.status === "PENDING") : [];
  if (!await isPlenty(deps, tx, pending)) {
    return { ids: new Set(), stock: await lockStock(tx, products) };
  }
  const ids = pending.map(({ order: { id } }) => id);
  // Asked for at once, and run in this order.
  const [, , stock] = await Promise.all([
    transitionOrders(tx, "reserve", ids, now),
    addOrderEvents(
      tx,
      ids.map((orderId) => ({ orderId, event: "reserved", attempt: attempts.get(orderId) ?? 1 })),
      deps.consumer,
    ),
    lockStock(tx, products),
  ]);
  return { ids: new Set(ids), stock };
}

/** Whether there are plenty of units for all of some orders, as far as is known without locks. */
async function isPlenty(
  { onShortage }: { onShortage?: "fail" | "wait" },
  tx: Queryable,
  pending: readonly ReserveRequest[],
): Promise<boolean> {
  if (pending.length === 0 || pending.some(({ order }) => order.backordered)) return false;
  const products = pending.flatMap(({ needs }) => needs.map(({ productId }) => productId));
  const [stock, heads] = await Promise.all([
    readStockOf(tx, products),
    onShortage === "wait" ? readQueueHeads(tx, products, []) : undefined,
  ]);
  return hasPlenty(pending, stock) && (heads === undefined || heads.size === 0);
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
