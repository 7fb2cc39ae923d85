/**
 * The `payments` group, second half: fails orders whose gateway never answered.
 *
 * @module
 */

import { addOrderEvents } from "../db/events.ts";
import { lockOrders, markFailed } from "../db/orders.ts";
import { effectsOfOrder } from "../domain/effects.ts";
import type { TimeOutMessage } from "../domain/messages.ts";
import { decideTimeOut } from "../domain/settle.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";
import { giveStockBack } from "./settle_payments.ts";

/**
 * Fails the orders of a batch whose gateway gave no answer, and gives their stock back. An answer that
 * came meanwhile wins; a success that comes later is given back by {@linkcode settlePayments}.
 */
export function timeOutPayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<TimeOutMessage>[],
): Promise<Outcome[]> {
  return deps.db.transaction(async (tx) => {
    const attempts = new Map(deliveries.map(({ message, attempt }) => [message.orderId, attempt]));
    const { orders, now } = await lockOrders(tx, [...attempts.keys()]);
    const failureReason = "payment_timeout";
    const expired = [...orders.values()].filter(({ status }) =>
      decideTimeOut(status).kind === "time_out"
    );
    const ids = expired.map(({ id }) => id);
    for (const order of expired) {
      orders.set(order.id, { ...order, status: "FAILED", failureReason, settledAt: now });
    }
    await giveStockBack(tx, ids);
    await markFailed(tx, "RESERVED", failureReason, ids, now);
    await addOrderEvents(
      tx,
      ids.map((orderId) => ({
        orderId,
        event: "failed",
        detail: failureReason,
        attempt: attempts.get(orderId),
      })),
      deps.consumer,
    );
    return deliveries.map(({ message: { orderId } }): Outcome => {
      const order = orders.get(orderId);
      if (order === undefined) return vanished("order", orderId);
      return done(effectsOfOrder(order, deps.kpiDay));
    });
  });
}
