/**
 * The orders that wait for stock, while reservations are decided.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { markBackordered } from "../../db/orders/orders.ts";
import {
  deleteShortages,
  readAwaited,
  readPlaces,
  readQueueHeads,
  type ShortageRow,
  writeShortages,
} from "../../db/orders/shortages.ts";
import type { StockMessage } from "../../domain/messages/messages.ts";
import {
  decideInTurn,
  decideReservations,
  type OrderPlace,
  type ReserveDecision,
  type ReserveRequest,
} from "../../domain/order/reserve.ts";
import { stockArrivedMessages } from "./stock_arrived_messages.ts";

/** What was decided, and who else waits. */
export interface Decided {
  /** One for each request, in the same order. */
  decisions: ReserveDecision[];
  /** By product id, the first of the others that wait for it. */
  ahead: ReadonlyMap<number, OrderPlace>;
}

/**
 * Decides about the reservations of locked orders whose products are locked as well. Who else waits is asked only where
 * orders may wait, or one of these does.
 *
 * @param stock units left by product id; **changed in place** to what is left afterwards
 */
export async function decideInQueues(
  tx: Queryable,
  requests: readonly ReserveRequest[],
  stock: Map<number, number>,
  onShortage: "fail" | "wait",
): Promise<Decided> {
  const pending = requests.filter(({ order }) => order.status === "PENDING");
  const someWait = pending.some(({ order }) => order.backordered);
  if (pending.length === 0 || (onShortage === "fail" && !someWait)) {
    return { decisions: decideReservations(requests, stock), ahead: new Map() };
  }
  const ids = pending.map(({ order }) => order.id);
  const ahead = await readQueueHeads(tx, [...stock.keys()], ids);
  if (ahead.size === 0) {
    const left = new Map(stock);
    const decisions = decideReservations(requests, left);
    if (decisions.every(({ kind }) => kind !== "fail")) {
      for (const [productId, qty] of left) stock.set(productId, qty);
      return { decisions, ahead };
    }
  }
  const places = await readPlaces(tx, requests.map(({ order }) => order.id));
  const decisions = decideInTurn(requests, stock, {
    ahead,
    places,
    waits: ({ backordered }) => onShortage === "wait" || backordered === true,
  });
  return { decisions, ahead };
}

/**
 * Writes who waits now and for what, and what orders that fail ran short of. Nothing where everything was there and
 * nobody waited.
 *
 * @param stock units left after the decisions
 * @returns what takes up others that wait for a product which one of these orders waits for no more
 */
export async function writeQueues(
  tx: Queryable,
  requests: readonly ReserveRequest[],
  { decisions, ahead }: Decided,
  stock: ReadonlyMap<number, number>,
): Promise<StockMessage[]> {
  const shortages: ShortageRow[] = [];
  const waited: number[] = [];
  const reserved: number[] = [];
  const beginning: number[] = [];
  const stillAwaited = new Set<string>();
  decisions.forEach((decision, index) => {
    const { order: { id: orderId, status, backordered } } = requests[index]!;
    if (status !== "PENDING") return;
    if (backordered) waited.push(orderId);
    if (decision.kind === "reserve" && backordered) reserved.push(orderId);
    if (decision.kind === "wait" && !backordered) beginning.push(orderId);
    if (decision.kind !== "wait" && decision.kind !== "fail") return;
    const isWaiting = decision.kind === "wait";
    for (const { productId, qty: missingQty } of decision.missing) {
      shortages.push({ orderId, productId, missingQty, isWaiting });
      stillAwaited.add(`${orderId} ${productId}`);
    }
  });
  const left = (await readAwaited(tx, waited)).filter(({ orderId, productId }) =>
    !stillAwaited.has(`${orderId} ${productId}`)
  );
  await deleteShortages(tx, waited);
  await markBackordered(tx, reserved, false);
  await markBackordered(tx, beginning, true);
  await writeShortages(tx, shortages);
  const arrived = new Set(left.map(({ productId }) => productId));
  return [...arrived]
    .filter((productId) => ahead.has(productId) && (stock.get(productId) ?? 0) > 0)
    .map((productId) => ({ type: "stock.arrived", productId }));
}

/**
 * Takes a locked order that waits for stock out of its queues.
 *
 * @returns what takes up the orders behind it, of which the first may be content with what there is
 */
export async function leaveQueues(tx: Queryable, orderId: number): Promise<StockMessage[]> {
  const awaited = await readAwaited(tx, [orderId]);
  await markBackordered(tx, [orderId], false);
  await deleteShortages(tx, [orderId]);
  return await stockArrivedMessages(tx, awaited.map(({ productId }) => productId));
}
