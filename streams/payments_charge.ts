/**
 * The `payments` group, first half: asks the gateway for the money of reserved orders.
 *
 * @module
 */

import { readOrders } from "../db/orders.ts";
import { effectsOfOrder } from "../domain/effects.ts";
import { messageOf } from "../domain/errors.ts";
import type { AskAgainMessage, CallbackMessage, ChargeMessage } from "../domain/messages.ts";
import type { OrderFacts } from "../domain/order.ts";
import { type ChargeAnswer, chargeKey } from "./gateway.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";
import { settlePayments } from "./settle_payments.ts";
import type { Enqueued } from "./queue.ts";

/**
 * Charges the reserved orders of a batch, and settles those whose answer the gateway gives at once.
 *
 * Nothing is written before the answers are there: the idempotency key makes asking again the same charge,
 * so a crash before or after the call is mended by asking again.
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

/** @param further what follows from a charge whose answer is still to come, besides it */
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
  const settled = await settleAnswered(deps, deliveries, answerOf);

  return deliveries.map(({ message: { orderId } }): Outcome => {
    const order = orders.get(orderId);
    if (order === undefined) return vanished("order", orderId);
    const answer = answerOf.get(orderId);
    if (answer === undefined) return withoutCharge(deps, order);
    if (answer.kind === "away") return { kind: "outage", error: answer.error };
    if (answer.kind === "failed") return { kind: "retry", error: answer.error };
    const outcome = settled.get(orderId);
    if (outcome !== undefined) return outcome;
    const callbacks = answer.callback === null ? [] : [answer.callback];
    return { kind: "done", followUps: [...callbacks, ...further(order)], kpis: [] };
  });
}

/**
 * Settles what was answered at once, without the way over a message of its own. An answer that settles
 * nothing, because it has to be looked at later or by a person, takes that way; so do all of a batch that
 * can't be settled, because halving it here would ask the gateway again for each half.
 *
 * @returns outcomes by order id
 */
async function settleAnswered(
  deps: HandlerDeps,
  deliveries: readonly Delivery[],
  answerOf: ReadonlyMap<number, ChargeAnswer>,
): Promise<Map<number, Outcome>> {
  const answered = new Map<number, Delivery<CallbackMessage>>();
  for (const { id, attempt, message: { orderId } } of deliveries) {
    const answer = answerOf.get(orderId);
    if (answer?.kind !== "accepted" || answer.callback === null) continue;
    const { message, delayMs = 0 } = answer.callback;
    if (delayMs > 0 || message.type !== "payment.callback") continue;
    answered.set(orderId, { id, attempt, message });
  }
  if (answered.size === 0) return new Map();
  let outcomes: Outcome[];
  try {
    outcomes = await settlePayments(deps, [...answered.values()]);
  } catch (error) {
    deps.log.warn("answers not settled at once", {
      error: messageOf(error),
      messages: answered.size,
    });
    return new Map();
  }
  return new Map(
    [...answered.keys()]
      .map((orderId, index): [number, Outcome] => [orderId, outcomes[index]!])
      .filter(([, { kind }]) => kind === "done"),
  );
}

function withoutCharge(deps: HandlerDeps, order: OrderFacts): Outcome {
  if (order.status === "PENDING") {
    return { kind: "retry", error: `order ${order.id} is to be charged but holds no stock` };
  }
  return done(effectsOfOrder(order, deps.kpiDay));
}
