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
import { readStockOf } from "../../db/catalog/products.ts";
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

/**
 * Writes that locked orders are reserved, where there are plenty of units for all of them and nobody waits for any. The
 * caller decides under the locks of the products, see {@linkcode holdToAhead}.
 *
 * @returns ids of the orders that are written: all that were `PENDING`, or none
 */
export async function reserveAhead(
  deps: { consumer: string; onShortage?: "fail" | "wait" },
  tx: Queryable,
  requests: readonly ReserveRequest[],
  { now, attempts }: { now: string; attempts: ReadonlyMap<number, number> },
): Promise<ReadonlySet<number>> {
  const pending = requests.filter(({ order }) => order.status === "PENDING");
  if (pending.length === 0 || pending.some(({ order }) => order.backordered)) return new Set();
  const products = pending.flatMap(({ needs }) => needs.map(({ productId }) => productId));
  if (!hasPlenty(pending, await readStockOf(tx, products))) return new Set();
  if (deps.onShortage === "wait" && (await readQueueHeads(tx, products, [])).size > 0) {
    return new Set();
  }
  const ids = pending.map(({ order: { id } }) => id);
  await transitionOrders(tx, "reserve", ids, now);
  await addOrderEvents(
    tx,
    ids.map((orderId) => ({ orderId, event: "reserved", attempt: attempts.get(orderId) ?? 1 })),
    deps.consumer,
  );
  return new Set(ids);
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
