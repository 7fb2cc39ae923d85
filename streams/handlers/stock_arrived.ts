/**
 * `stock.arrived`, of the `orders` group: takes up the orders that wait for a product.
 *
 * @module
 */

import { readStockOf } from "../../db/catalog/products.ts";
import { readQueue } from "../../db/orders/shortages.ts";
import type { Message, StockMessage } from "../../domain/messages/messages.ts";
import { coveredBy } from "../../domain/order/reserve.ts";
import { type Delivery, doneWith, type HandlerDeps, type Outcome } from "../workflow/handler.ts";

/** Orders that one message takes up; whoever reserves the last of them sends another for the rest. */
const maxOrders = 2_000;

/**
 * Publishes the reservation of the orders that wait for a product, in their turn, as many as its units cover. It
 * changes nothing itself: `order.reserve` decides under its locks, so that a crash leaves either orders that wait or
 * orders that are reserved, and a message too many nothing.
 */
export async function takeUpOrders(
  { db }: HandlerDeps,
  deliveries: readonly Delivery<StockMessage>[],
): Promise<Outcome[]> {
  const stock = await readStockOf(db, deliveries.map(({ message }) => message.productId));
  const seen = new Set<number>();
  const outcomes: Outcome[] = [];
  for (const { message: { productId } } of deliveries) {
    const units = seen.has(productId) ? 0 : stock.get(productId) ?? 0;
    seen.add(productId);
    const queue = units === 0 ? [] : await readQueue(db, productId, Math.min(units, maxOrders));
    const messages = coveredBy(queue, units).map((
      { id: orderId, totalCents: amountCents, currency },
    ): Message => ({ type: "order.reserve", orderId, amountCents, currency }));
    outcomes.push(doneWith(...messages));
  }
  return outcomes;
}
