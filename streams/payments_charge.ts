/**
 * The `payments` group, first half: asks the gateway for the money of reserved orders.
 *
 * @module
 */

import { readLongReserved, readOrders } from "../db/orders.ts";
import { readPayments } from "../db/payments.ts";
import { effectsOfOrder } from "../domain/effects.ts";
import { messageOf } from "../domain/errors.ts";
import type {
  AskAgainMessage,
  CallbackMessage,
  ChargeMessage,
  Message,
  Subject,
} from "../domain/messages.ts";
import type { OrderFacts } from "../domain/order.ts";
import {
  chargeKey,
  type ChargeStatus,
  type GatewayRequest,
  noProvider,
  secondAnswerMs,
} from "./gateway.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";
import { noteProviderAway } from "./provider_away.ts";
import type { Enqueued } from "./queue.ts";
import { settlePayments } from "./settle_payments.ts";

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
  return await charge(deps, deliveries, { askedBefore: (id) => again.has(id) });
}

/**
 * Asks once more, under the same keys, for the money of orders whose reservation has expired without an
 * answer. What gets no answer that settles it is scheduled to fail, whatever the reason is: a reservation ends in
 * its time also where the gateway refuses or can't be asked.
 */
export function askAgain(
  deps: HandlerDeps,
  deliveries: readonly Delivery<AskAgainMessage>[],
): Promise<Outcome[]> {
  const delayMs = Math.min(secondAnswerMs, deps.reservationTtlSeconds * 1_000);
  const timeOut = ({ orderId, amountCents, currency }: Subject): Enqueued => ({
    message: { type: "payment.time_out", orderId, amountCents, currency },
    delayMs,
  });
  return charge(deps, deliveries, { askedBefore: () => true, timeOut });
}

/** What was answered about an order's money, by order id. */
interface Answers {
  orders: Map<number, OrderFacts>;
  answerOf: Map<number, ChargeStatus>;
  /** Of what was settled at once. */
  settled: Map<number, Outcome>;
}

/**
 * @param options.askedBefore tells of an order's id whether its money may have been asked for already
 * @param options.timeOut makes what fails a reserved order that gets no answer; without it the message is tried again
 */
async function charge(
  deps: HandlerDeps,
  deliveries: readonly Delivery[],
  { askedBefore, timeOut }: {
    askedBefore: (orderId: number) => boolean;
    timeOut?: (subject: Subject) => Enqueued;
  },
): Promise<Outcome[]> {
  const orders = await readOrders(deps.db, deliveries.map(({ message }) => message.orderId));
  const reserved = [...orders.values()].filter(({ status }) => status === "RESERVED");
  const asked = reserved.filter(({ totalCents }) => totalCents > 0);
  const answers = await deps.gateway.charge(
    asked.map((order) => ({
      ...requestFor(order),
      ...(askedBefore(order.id) ? { askedBefore: true } : {}),
    })),
  );
  const answerOf = await askAboutEnded(deps, [...orders.values()]);
  for (const [index, { id }] of asked.entries()) answerOf.set(id, answers[index]!);
  await noteProviderAway(deps, [...answerOf.values()]);
  for (const order of reserved) if (order.totalCents === 0) answerOf.set(order.id, freeOf(order));
  const settled = await settleAnswered(deps, deliveries, answerOf);
  return deliveries.map(({ message }) =>
    outcomeOf(deps, message, { orders, answerOf, settled }, timeOut)
  );
}

function outcomeOf(
  deps: HandlerDeps,
  message: Message,
  { orders, answerOf, settled }: Answers,
  timeOut: ((subject: Subject) => Enqueued) | undefined,
): Outcome {
  const { orderId } = message;
  const order = orders.get(orderId);
  if (order === undefined) return vanished("order", orderId);
  const answer = answerOf.get(orderId);
  if (answer === undefined || answer.kind === "unknown") return withoutCharge(deps, order);
  const outcome = settled.get(orderId);
  if (outcome !== undefined) return outcome;
  const { messages, kpis } = effectsOfOrder(order, deps.kpiDay);
  const told = messages.map((message) => ({ message }));
  const callback = answer.kind === "accepted" ? answer.callback : null;
  if (timeOut !== undefined && order.status === "RESERVED") {
    // An answer that is on its way carries the order's money, so the time-out is about none.
    return callback?.message.type === "payment.callback"
      ? doneThen([callback, timeOut({ ...message, amountCents: 0 })])
      : doneThen([timeOut(message)]);
  }
  if (answer.kind === "away") return { kind: "outage", error: answer.error };
  if (answer.kind === "failed") return { kind: "retry", error: answer.error };
  return { kind: "done", followUps: [...(callback === null ? [] : [callback]), ...told], kpis };
}

/** Finished, with messages of which some may be scheduled. */
function doneThen(followUps: Enqueued[]): Outcome {
  return { kind: "done", followUps, kpis: [] };
}

function requestFor({ id, totalCents, currency }: OrderFacts): GatewayRequest {
  return { orderId: id, amountCents: totalCents, currency, idempotencyKey: chargeKey(id) };
}

/** An order that costs nothing is paid without a provider, none of which takes nothing. */
function freeOf({ id, totalCents, currency }: OrderFacts): ChargeStatus {
  return {
    kind: "accepted",
    callback: {
      message: {
        type: "payment.callback",
        orderId: id,
        amountCents: totalCents,
        currency,
        outcome: "succeeded",
        provider: noProvider,
        providerRef: `free_${id}`,
      },
    },
  };
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
  const ended = orders.filter(({ status, totalCents }) =>
    (status === "FAILED" || status === "CANCELLED") && totalCents > 0
  );
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
