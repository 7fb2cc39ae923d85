/**
 * The `payments` group, first half: asks the gateway for the money of reserved orders.
 *
 * @module
 */

import { readOrders } from "../db/orders.ts";
import { effectsOfOrder } from "../domain/effects.ts";
import type { AskAgainMessage, ChargeMessage } from "../domain/messages.ts";
import type { OrderFacts } from "../domain/order.ts";
import { chargeKey } from "./gateway.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";
import type { Enqueued } from "./queue.ts";

/**
 * Charges the reserved orders of a batch.
 *
 * Nothing is written here: the idempotency key makes asking again the same charge, so a crash before or
 * after the call is mended by asking again.
 */
export function chargePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ChargeMessage>[],
): Promise<Outcome[]> {
  return charge(deps, deliveries, () => []);
}

/** How long the gateway has to answer when it is asked again, in milliseconds. */
export const secondAnswerMs = 30_000;

/**
 * Asks once more, under the same keys, for the money of orders whose reservation has expired without an
 * answer, and schedules their failing for the case that this gives nothing either.
 */
export function askAgain(
  deps: HandlerDeps,
  deliveries: readonly Delivery<AskAgainMessage>[],
): Promise<Outcome[]> {
  const delayMs = Math.min(secondAnswerMs, deps.reservationTtlSeconds * 1_000);
  return charge(deps, deliveries, (order) => [{
    message: {
      type: "payment.time_out",
      orderId: order.id,
      amountCents: order.totalCents,
      currency: order.currency,
    },
    delayMs,
  }]);
}

/** @param further what follows from a charge besides its answer */
async function charge(
  deps: HandlerDeps,
  deliveries: readonly Delivery[],
  further: (order: OrderFacts) => Enqueued[],
): Promise<Outcome[]> {
  const orders = await readOrders(deps.db, deliveries.map(({ message }) => message.orderId));
  const reserved = [...orders.values()].filter(({ status }) => status === "RESERVED");
  const answers = await deps.gateway.charge(
    reserved.map(({ id, totalCents, currency }) => ({
      orderId: id,
      amountCents: totalCents,
      currency,
      idempotencyKey: chargeKey(id),
    })),
  );
  const answerOf = new Map(reserved.map(({ id }, index) => [id, answers[index]!]));

  return deliveries.map(({ message: { orderId } }): Outcome => {
    const order = orders.get(orderId);
    if (order === undefined) return vanished("order", orderId);
    const answer = answerOf.get(orderId);
    if (answer === undefined) return withoutCharge(deps, order);
    if (answer.kind === "failed") return { kind: "retry", error: answer.error };
    const callbacks = answer.callback === null ? [] : [answer.callback];
    return { kind: "done", followUps: [...callbacks, ...further(order)], kpis: [] };
  });
}

function withoutCharge(deps: HandlerDeps, order: OrderFacts): Outcome {
  if (order.status === "PENDING") {
    return { kind: "retry", error: `order ${order.id} is to be charged but holds no stock` };
  }
  return done(effectsOfOrder(order, deps.kpiDay));
}
