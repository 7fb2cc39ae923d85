/**
 * Charges orders, and settles those whose answer is there at once.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { noteChargeKeys } from "../../db/payments/charge_keys.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { type ChargeFacts, readCharges } from "../../db/orders/orders.ts";
import { readOrderProviders } from "../../db/payments/order_providers.ts";
import { writeActions } from "../../db/payments/payment_actions.ts";
import { readInstructions } from "../../db/payments/payment_instructions.ts";
import { readPayments } from "../../db/payments/payments.ts";
import { readSourcePayments } from "../../db/payments/source_payments.ts";
import { effectsOfOrder } from "../../domain/order/effects.ts";
import { messageOf } from "../../domain/errors.ts";
import type { CallbackMessage, ChargeMessage, Subject } from "../../domain/messages/messages.ts";
import { noProvider, type OrderFacts } from "../../domain/order/order.ts";
import {
  chargeKeyOf,
  hasOldKey,
  type Installation,
  installationTag,
} from "../../domain/payment/payment_key.ts";
import { chooseGateways } from "./choose_gateway.ts";
import { endSuperseded, withUnended } from "./end_superseded.ts";
import { findCharges, findOlderCharges } from "./find_charges.ts";
import type { ChargeStatus, GatewayRequest, StillOurs } from "./gateway.ts";
import { askOfUnwanted, stillWanted } from "./still_wanted.ts";
import {
  type Delivery,
  done,
  type HandlerDeps,
  type Outcome,
  vanished,
} from "../workflow/handler.ts";
import {
  isResting,
  mustHold,
  noteHeld,
  readHeld,
  restingAnswer,
  unholdable,
} from "./held_money.ts";
import { withoutMoneyGone } from "./money_gone.ts";
import { gatherTries } from "./note_tries.ts";
import { noteProviderAway } from "./provider_away.ts";
import type { Enqueued } from "../workflow/publish.ts";
import { isSmallBatch } from "../workflow/small_batch.ts";
import { settlePayments } from "./settle.ts";

/** What was answered about an order's money, by order id. */
interface Answers {
  orders: Map<number, ChargeFacts>;
  answerOf: Map<number, ChargeStatus>;
  /** Of what was settled at once. */
  settled: Map<number, Outcome>;
  /** For which money is held whose time is not over. */
  live: ReadonlySet<number>;
}

/**
 * Asks the gateway for the money of the reserved orders of a batch, settles what is answered at once, and asks about
 * those that have ended without a payment on record. Orders that were paid at their source are settled by what it said,
 * and nobody is asked about them.
 *
 * @param options.askedBefore tells of an order whether its money may have been asked for already
 * @param options.timeOut makes what fails a reserved order that gets no answer; without it the message is tried again
 */
export async function chargeOrders(
  deps: HandlerDeps,
  deliveries: readonly Delivery[],
  options: ChargeOptions,
): Promise<Outcome[]> {
  const orderIds = deliveries.map(({ message }) => message.orderId);
  const read = (db: Queryable) =>
    Promise.all([
      readCharges(db, orderIds),
      readInstallation(db),
      readOrderProviders(db, orderIds),
    ]);
  const [orders, installation, noted] =
    await (isSmallBatch(orderIds) ? deps.db.together(read) : read(deps.db));
  const gateways = await chooseGateways(deps, installation, {
    orders: [...orders.values()],
    noted,
  });
  if (gateways.size === 0) {
    return await chargeThrough(deps, { deliveries, orders, installation }, options);
  }
  const parts = Map.groupBy(
    deliveries.keys(),
    (index) => gateways.get(deliveries[index]!.message.orderId) ?? deps.gateway,
  );
  const outcomes = new Array<Outcome>(deliveries.length);
  await Promise.all([...parts].map(async ([gateway, places]) => {
    const own = places.map((index) => deliveries[index]!);
    const ids = new Set(own.map(({ message }) => message.orderId));
    const ordersOf = new Map([...orders].filter(([id]) => ids.has(id)));
    const batch = { deliveries: own, orders: ordersOf, installation };
    const done = await chargeThrough({ ...deps, gateway }, batch, options);
    for (const [place, index] of places.entries()) outcomes[index] = done[place]!;
  }));
  return outcomes;
}

/** How orders are charged; see {@linkcode chargeOrders}. */
interface ChargeOptions {
  askedBefore: (order: ChargeFacts) => boolean;
  timeOut?: (subject: Subject) => Enqueued;
}

/** The part of a batch that one provider is asked for. */
interface Batch {
  deliveries: readonly Delivery[];
  orders: Map<number, ChargeFacts>;
  installation: Installation;
}

async function chargeThrough(
  deps: HandlerDeps,
  { deliveries, orders, installation }: Batch,
  { askedBefore, timeOut }: ChargeOptions,
): Promise<Outcome[]> {
  const tries = gatherTries(deps);
  const tried = tries.of(deps.gateway.name);
  const requestFor = requestMaker(deps, installation, askedBefore);
  const stillOurs = stillWanted(deps, deliveries);
  const unended = await endSuperseded(deps, deliveries, orders.values());
  const reserved = [...orders.values()].filter(({ id, status }) =>
    status === "RESERVED" && unended.get(id)?.waits !== true
  );
  const wanted = reserved.filter(({ totalCents, paidAtSource }) => totalCents > 0 && !paidAtSource);
  const requestOf = new Map(wanted.map((order) => [order.id, requestFor(order)]));
  await addInstructions(deps, [...requestOf.values()]);
  const held = await readHeld(deps, [...requestOf.values()]);
  const unable = wanted.filter(({ id }) => mustHold(deps.gateway, requestOf.get(id)!));
  const resting = wanted.filter(({ id }) =>
    timeOut === undefined && isResting(held, requestOf.get(id)!)
  );
  const asked = wanted.filter((order) => !resting.includes(order) && !unable.includes(order));
  const requests = asked.map(({ id }) => requestOf.get(id)!);
  await noteKeys(deps, requests);
  const found = await findOlderCharges(
    deps.gateway,
    installation,
    asked.map((order, index) => ({ order, request: requests[index]! })),
  );
  const charged = asked.filter(({ id }) => !found.has(id));
  const toCharge = requests.filter(({ orderId }) => !found.has(orderId));
  const answers = await withoutMoneyGone(
    deps,
    installation,
    charged,
    await deps.gateway.charge(toCharge, { stillOurs, tried }),
  );
  const answerOf = await askAboutEnded(deps, installation, [...orders.values()], {
    requestFor,
    stillOurs,
  });
  await tries.write();
  for (const [id, answer] of found) answerOf.set(id, answer);
  for (const [index, { id }] of charged.entries()) answerOf.set(id, answers[index]!);
  await noteActions(deps, answerOf);
  const live = await noteHeld(deps, held, requestOf, answerOf);
  for (const order of resting) answerOf.set(order.id, restingAnswer(deps.gateway, order));
  for (const { id } of unable) answerOf.set(id, unholdable(deps.gateway, requestOf.get(id)!));
  await noteProviderAway(deps, [...answerOf.values()]);
  for (const order of reserved) {
    if (order.totalCents === 0) answerOf.set(order.id, freeOf(order, installation));
  }
  for (const [id, answer] of await answersOfSource(deps, reserved)) answerOf.set(id, answer);
  const settled = await settleAnswered(deps, deliveries, answerOf);
  return deliveries.map((delivery) =>
    withUnended(
      outcomeOf(deps, delivery, { orders, answerOf, settled, live }, timeOut),
      unended.get(delivery.message.orderId),
      isReserved(orders.get(delivery.message.orderId)) ? timeOut?.(delivery.message) : undefined,
    )
  );
}

/** Makes what is asked of the gateway for an order. */
function requestMaker(
  { gateway }: HandlerDeps,
  installation: Installation,
  askedBefore: (order: ChargeFacts) => boolean,
): (order: ChargeFacts) => GatewayRequest {
  const tag = gateway.provider === undefined ? undefined : installationTag(installation);
  return (order) => {
    const isEdited = order.superseded.length > 0;
    const request: GatewayRequest = {
      orderId: order.id,
      reference: order.externalOrderId,
      amountCents: order.totalCents,
      currency: order.currency,
      idempotencyKey: gateway.ignoresKeys && !isEdited ? "" : chargeKeyOf(installation, order),
    };
    if (tag !== undefined) request.installation = tag;
    if (isEdited) request.afterEdit = true;
    if (hasOldKey(installation, order)) request.underOldKey = true;
    if (order.status === "RESERVED" && askedBefore(order)) request.askedBefore = true;
    return request;
  };
}

/** Adds what orders are to be paid with; a provider that is not asked over a network has no use for it. */
async function addInstructions(
  { db, gateway }: HandlerDeps,
  requests: readonly GatewayRequest[],
): Promise<void> {
  if (gateway.provider === undefined || requests.length === 0) return;
  const said = await readInstructions(db, requests.map(({ orderId }) => orderId));
  for (const request of requests) {
    const instructions = said.get(request.orderId);
    if (instructions !== undefined) request.instructions = instructions;
  }
}

/** Writes down what customers have to do, as providers say it. */
async function noteActions(
  { db }: HandlerDeps,
  answerOf: ReadonlyMap<number, ChargeStatus>,
): Promise<void> {
  const actions = [...answerOf].flatMap(([orderId, answer]) =>
    answer.kind === "accepted" && answer.action !== undefined ? [{ orderId, ...answer.action }] : []
  );
  await writeActions(db, actions);
}

function isReserved(order: OrderFacts | undefined): boolean {
  return order?.status === "RESERVED";
}

function outcomeOf(
  deps: HandlerDeps,
  { message, attempt }: Delivery,
  { orders, answerOf, settled, live }: Answers,
  timeOut: ((subject: Subject) => Enqueued) | undefined,
): Outcome {
  const { orderId } = message;
  const order = orders.get(orderId);
  if (order === undefined) return vanished("order", orderId);
  const answer = answerOf.get(orderId);
  if (answer === undefined) return withoutCharge(deps, order);
  const ifLost = lookLater(deps, order);
  // Whoever had the message before may be about to charge, or its request on its way.
  if (answer.kind === "unknown") return withoutCharge(deps, order, attempt > 1 ? ifLost : []);
  const outcome = settled.get(orderId);
  if (outcome !== undefined) return outcome;
  const { messages, kpis } = effectsOfOrder(order, deps.kpiDay);
  const told = messages.map((message) => ({ message }));
  const callback = answer.kind === "accepted" ? answer.callback : null;
  if (timeOut !== undefined && order.status === "RESERVED" && !live.has(orderId)) {
    // An answer that is on its way carries the order's money, so the time-out is about none.
    return callback?.message.type === "payment.callback"
      ? doneThen([callback, timeOut({ ...message, amountCents: 0 })])
      : doneThen([timeOut(message)]);
  }
  if (answer.kind === "away") return { kind: "outage", error: answer.error, ifLost };
  if (answer.kind === "failed") return { kind: "retry", error: answer.error, ifLost };
  return {
    kind: "done",
    followUps: [...(callback === null ? [] : [callback]), ...told],
    events: kpis,
  };
}

/** Finished, with messages of which some may be scheduled. */
function doneThen(followUps: Enqueued[]): Outcome {
  return { kind: "done", followUps, events: [] };
}

/** Where answers come from outside, they say which key they are about and nothing else. */
async function noteKeys(
  { db, gateway }: HandlerDeps,
  requests: readonly GatewayRequest[],
): Promise<void> {
  if (gateway.callbackMs === undefined) return;
  await noteChargeKeys(
    db,
    gateway.name,
    requests.map(({ idempotencyKey, orderId }) => ({ key: idempotencyKey, orderId })),
  );
}

/** Looks later whether money was taken, of a provider that would not tell by itself. */
function lookLater({ gateway }: HandlerDeps, order: OrderFacts): Enqueued[] {
  if (gateway.callbackMs === undefined) return [];
  const { id: orderId, totalCents: amountCents, currency } = order;
  const message: ChargeMessage = { type: "payment.charge", orderId, amountCents, currency };
  return [{ message, delayMs: gateway.callbackMs, evenIfLost: true }];
}

/** An order that costs nothing is paid without a provider, none of which takes nothing. */
function freeOf(order: ChargeFacts, installation: Installation): ChargeStatus {
  const { id, totalCents, currency, superseded } = order;
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
        ...(superseded.length === 0 ? {} : { key: chargeKeyOf(installation, order) }),
        providerRef: `free_${id}`,
      },
    },
  };
}

/** What the source of orders said of their payment, as if their provider had just said so; by order id. */
async function answersOfSource(
  { db }: HandlerDeps,
  orders: readonly OrderFacts[],
): Promise<Map<number, ChargeStatus>> {
  const paid = orders.filter(({ paidAtSource }) => paidAtSource);
  const sources = await readSourcePayments(db, paid.map(({ id }) => id));
  return new Map(
    paid.map(({ id: orderId, totalCents: amountCents, currency }): [number, ChargeStatus] => {
      const source = sources.get(orderId);
      if (source === undefined) {
        const error = `order ${orderId} is paid at its source, which does not say by what`;
        return [orderId, { kind: "failed", error }];
      }
      const { provider, reference: providerRef } = source;
      const money = { orderId, amountCents, currency, provider, providerRef };
      const message = { type: "payment.callback", ...money, outcome: "succeeded" } as const;
      return [orderId, { kind: "accepted", callback: { message } }];
    }),
  );
}

/**
 * Asks what became of the charges of orders that failed or were cancelled without a payment on record: the
 * provider may take the money yet, or have taken it without an answer, and it has to go back. A charge that waits for its
 * customer is given up where the provider can do that: the link would be good for paying what is over, and be asked about
 * for ever by whoever waits for its end.
 *
 * @returns answers by order id, of those that were asked about
 */
async function askAboutEnded(
  { db, gateway }: HandlerDeps,
  installation: Installation,
  orders: readonly ChargeFacts[],
  { requestFor, stillOurs }: {
    requestFor: (order: ChargeFacts) => GatewayRequest;
    stillOurs: StillOurs;
  },
): Promise<Map<number, ChargeStatus>> {
  const ended = orders.filter(({ status, totalCents, paidAtSource }) =>
    (status === "FAILED" || status === "CANCELLED") && totalCents > 0 && !paidAtSource
  );
  const ask = askOfUnwanted(gateway, stillOurs);
  if (ask === undefined || ended.length === 0) return new Map();
  const payments = await readPayments(db, ended.map(({ id }) => id));
  // A crash may have left money that is to go back without its message, so that is asked about again.
  const open = ended.filter(({ id }) => (payments.get(id)?.status ?? "REVERSING") === "REVERSING");
  const asked = open.map((order) => ({ order, request: requestFor(order) }));
  const answers = await findCharges(ask, installation, asked);
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

function withoutCharge(deps: HandlerDeps, order: OrderFacts, further: Enqueued[] = []): Outcome {
  if (order.status === "PENDING") {
    return {
      kind: "retry",
      error: `order ${order.id} is to be charged but holds no stock`,
      early: true,
    };
  }
  const outcome = done(effectsOfOrder(order, deps.kpiDay));
  return outcome.kind === "done"
    ? { ...outcome, followUps: [...outcome.followUps, ...further] }
    : outcome;
}
