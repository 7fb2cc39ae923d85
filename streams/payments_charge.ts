/**
 * The `payments` group, first half: asks the gateway for the money of reserved orders.
 *
 * @module
 */

import { readOrders } from "../db/orders.ts";
import { effectsOfOrder } from "../domain/effects.ts";
import type { OrderFacts } from "../domain/order.ts";
import { chargeKey } from "./gateway.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";

/**
 * Charges the reserved orders of a batch.
 *
 * Nothing is written here: the idempotency key makes asking again the same charge, so a crash before or
 * after the call is mended by asking again.
 */
export async function chargePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery[],
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
    return { kind: "done", followUps: answer.callback === null ? [] : [answer.callback], kpis: [] };
  });
}

function withoutCharge(deps: HandlerDeps, order: OrderFacts): Outcome {
  if (order.status === "PENDING") {
    return { kind: "retry", error: `order ${order.id} is to be charged but holds no stock` };
  }
  return done(effectsOfOrder(order, deps.kpiDay));
}
