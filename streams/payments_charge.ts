/**
 * The `payments` group, first half: asks the gateway for the money of reserved orders.
 *
 * @module
 */

import { readLongReserved, readOrders } from "../db/orders.ts";
import { readPayments } from "../db/payments.ts";
import { effectsOfOrder } from "../domain/effects.ts";
import { messageOf } from "../domain/errors.ts";
import type { AskAgainMessage, CallbackMessage, ChargeMessage } from "../domain/messages.ts";
import type { OrderFacts } from "../domain/order.ts";
import { chargeKey, type ChargeStatus, type GatewayRequest } from "./gateway.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";
import { settlePayments } from "./settle_payments.ts";
import type { Enqueued } from "./queue.ts";

/** Seconds for which every provider remembers a key: a day is usual. */
const keySeconds = 3_600;

/**
 * Charges the reserved orders of a batch, and settles those whose answer the gateway gives at once. Orders
 * that have ended meanwhile are not charged, but their money may have been taken before: see
 * {@linkcode askAboutEnded}.
 *
 * Nothing is written before the answers are there: the idempotency key makes asking again the same charge,
 * so a crash before or after the call is mended by asking again.
 */
export async function chargePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ChargeMessage>[],
): Promise<Outcome[]> {
  const again = new Set(
    deliveries.filter(({ attempt }) => attempt > 1).map(({ message }) => message.orderId),
  );
  // A message that comes from a dead letter or from the books counts its attempts anew.
  if (deps.gateway.status !== undefined) {
    const ids = deliveries.map(({ message }) => message.orderId);
    for (const id of await readLongReserved(deps.db, ids, keySeconds)) again.add(id);
  }
  return await charge(deps, deliveries, { askedBefore: (id) => again.has(id), further: () => [] });
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
  const further = (order: OrderFacts): Enqueued[] => [{
    message: {
      type: "payment.time_out",
      orderId: order.id,
      amountCents: order.totalCents,
      currency: order.currency,
    },
    delayMs,
  }];
  return charge(deps, deliveries, { askedBefore: () => true, further });
}

/**
 * @param options.askedBefore tells of an order's id whether its money may have been asked for already
 * @param options.further what follows for a reserved order whose answer is still to come, besides it
 */
async function charge(
  deps: HandlerDeps,
  deliveries: readonly Delivery[],
  { askedBefore, further }: {
    askedBefore: (orderId: number) => boolean;
    further: (order: OrderFacts) => Enqueued[];
  },
): Promise<Outcome[]> {
  const orders = await readOrders(deps.db, deliveries.map(({ message }) => message.orderId));
  const reserved = [...orders.values()].filter(({ status }) => status === "RESERVED");
  const answers = await deps.gateway.charge(
    reserved.map((order) => ({
      ...requestFor(order),
      ...(askedBefore(order.id) ? { askedBefore: true } : {}),
    })),
  );
  const answerOf = await askAboutEnded(deps, [...orders.values()]);
  for (const [index, { id }] of reserved.entries()) answerOf.set(id, answers[index]!);
  const settled = await settleAnswered(deps, deliveries, answerOf);

  return deliveries.map(({ message: { orderId } }): Outcome => {
    const order = orders.get(orderId);
    if (order === undefined) return vanished("order", orderId);
    const answer = answerOf.get(orderId);
    if (answer === undefined || answer.kind === "unknown") return withoutCharge(deps, order);
    if (answer.kind === "away") return { kind: "outage", error: answer.error };
    if (answer.kind === "failed") return { kind: "retry", error: answer.error };
    const outcome = settled.get(orderId);
    if (outcome !== undefined) return outcome;
    const callbacks = answer.callback === null ? [] : [answer.callback];
    if (order.status === "RESERVED") callbacks.push(...further(order));
    const { messages, kpis } = effectsOfOrder(order, deps.kpiDay);
    const told = messages.map((message) => ({ message }));
    return { kind: "done", followUps: [...callbacks, ...told], kpis };
  });
}

function requestFor({ id, totalCents, currency }: OrderFacts): GatewayRequest {
  return { orderId: id, amountCents: totalCents, currency, idempotencyKey: chargeKey(id) };
}

/**
 * Asks what became of the charges of orders that failed or were cancelled without a payment on record: the
 * provider may take the money yet, or have taken it without an answer, and it has to go back.
 *
 * @returns answers by order id, of those that were asked about
 */
async function askAboutEnded(
  { db, gateway }: HandlerDeps,
  orders: readonly OrderFacts[],
): Promise<Map<number, ChargeStatus>> {
  const ended = orders.filter(({ status }) => status === "FAILED" || status === "CANCELLED");
  if (gateway.status === undefined || ended.length === 0) return new Map();
  const payments = await readPayments(db, ended.map(({ id }) => id));
  // A crash may have left money that is to go back without its message, so that is asked about again.
  const open = ended.filter(({ id }) => (payments.get(id)?.status ?? "REVERSING") === "REVERSING");
  const answers = await gateway.status(open.map(requestFor));
  return new Map(open.map(({ id }, index) => [id, answers[index]!]));
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
  answerOf: ReadonlyMap<number, ChargeStatus>,
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
