/**
 * `payment.reverse`, of the `refunds` group: gives back payments that came too late, or that a person gave up.
 *
 * @module
 */

import { endPaymentByHand, leavePaymentToPerson } from "../../db/refunds/refunds_by_hand.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, type OrderEventRow } from "../../db/orders/timelines.ts";
import { readCharges } from "../../db/orders/orders.ts";
import { readContestedPayments } from "../../db/payments/chargebacks.ts";
import { lostByChargeback, noteReturned } from "../../db/payments/returned_money.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { readReturnedReversals, wasReturnedByHand } from "../../db/payments/returned_reversals.ts";
import {
  markReversed,
  readPaidOrders,
  readReversing,
  type RecordedPayment,
} from "../../db/payments/payments.ts";
import type { ReversalMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import type { ChargedBack } from "../../domain/payment/chargeback.ts";
import { reversalKeyOf } from "../../domain/payment/payment_key.ts";
import { bookOrders } from "../ledger/book_orders.ts";
import type { RefundAnswer } from "../payments/gateway.ts";
import {
  giveBackThrough,
  laterOutcome,
  lookUpGivenBack,
  type RequestThrough,
  type Stranger,
} from "../payments/give_back.ts";
import { noteChargedBackTwice, noteGivenTwice } from "../payments/given_twice.ts";
import {
  type Delivery,
  done,
  type HandlerDeps,
  type Outcome,
  vanished,
} from "../workflow/handler.ts";
import { orderHeld, orderLocks } from "../workflow/order_locks.ts";

/**
 * Gives back payments that came too late, or that a person gave up: the gateway that took them first, under the
 * payment's own key, then the database. A crash between the two is repaired by asking again with the same key. A payment
 * of nothing is over without the gateway, and one that was made at the source, through a provider that is not
 * configured, waits for a person. So does one that its provider gave back and took back.
 */
export async function reversePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ReversalMessage>[],
): Promise<Outcome[]> {
  const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
  const known = await readPaidOrders(deps.db, orderIds);
  const open = await readReversing(deps.db, orderIds);
  const contested = await readContestedPayments(deps.db, orderIds);
  const returned = await readReturnedReversals(deps.db, open.map(named));
  const uncontested = open.filter(({ id }) => !contested.has(id));
  const asked = uncontested.filter(({ id, amountCents }) => amountCents > 0 && !returned.has(id));
  const answerOf = await askForReversals(deps, deliveries, asked);
  // Its provider took it back before: under the same key it would say what it said then.
  for (const { id } of uncontested) {
    if (returned.has(id)) answerOf.set(id, { kind: "left_to_person", because: "took it back" });
  }
  const madeBefore = await lookUpReversals(
    deps,
    open.filter(({ id }) => contested.has(id) && !returned.has(id)),
  );
  for (const payment of open) {
    const chargedBack = contested.get(payment.id);
    if (chargedBack === undefined) continue;
    const made = madeBefore.get(payment.id);
    // Then it went back by its provider, whatever the bank takes besides.
    if (made !== undefined && made.kind !== "refused") contested.delete(payment.id);
    answerOf.set(
      payment.id,
      made === undefined || made.kind === "refused" ? contestedAnswer(payment, chargedBack) : made,
    );
  }
  const attemptOf = new Map(deliveries.map(({ message, attempt }) => [message.orderId, attempt]));
  const givenBack = open.filter(({ id }) => (answerOf.get(id)?.kind ?? "refunded") === "refunded");
  const lock = orderLocks(deps.db);
  const { held, unsure } = await deps.db.transaction(async (tx) => {
    const { orders, now, held } = await lock(tx, orderIds);
    const currencyOf = ({ currency, orderId }: RecordedPayment) =>
      currency ?? orders.get(orderId)!.currency;
    const free = givenBack.filter(({ orderId }) => !held.has(orderId));
    const unsure = await lostNoMore(tx, free.filter(({ id }) => contested.has(id)));
    const sure = free.filter(({ orderId }) => !unsure.has(orderId));
    const steps = await endReversed(deps, tx, sure, { currencyOf, contested, answerOf, attemptOf });
    for (const payment of open.filter(({ orderId }) => !held.has(orderId))) {
      const answer = answerOf.get(payment.id);
      if (answer?.kind !== "left_to_person") continue;
      if (!await leavePaymentToPerson(tx, payment.id)) continue;
      const { orderId, amountCents, provider } = payment;
      const amount = namedAmount(amountCents, currencyOf(payment));
      const detail = `${amount}: "${provider}" ${answer.because}`;
      steps.push({ orderId, event: "payment_by_hand", detail });
    }
    await addOrderEvents(tx, steps, deps.consumer);
    await noteChargedBackTwice(deps, tx, idsOf(sure));
    await bookOrders(tx, idsOf(sure), now);
    return { held, unsure };
  });
  return deliveries.map(({ message }): Outcome => {
    const { orderId } = message;
    if (!known.has(orderId)) return vanished("payment of order", orderId);
    if (held.has(orderId)) return orderHeld(orderId);
    if (unsure.has(orderId)) {
      return { kind: "later", error: `a chargeback of order ${orderId} has changed meanwhile` };
    }
    const own = open.filter((payment) => payment.orderId === orderId);
    return outcomeOf(message, own.map(({ id }) => answerOf.get(id)));
  });
}

/** Orders of payments that were lost by chargebacks when that was looked at, and are not by now. */
async function lostNoMore(
  tx: Queryable,
  payments: readonly RecordedPayment[],
): Promise<Set<number>> {
  const contested = await readContestedPayments(tx, idsOf(payments));
  const isLost = (payment: RecordedPayment) => {
    const chargedBack = contested.get(payment.id);
    return chargedBack !== undefined &&
      contestedAnswer(payment, chargedBack).kind === "refunded";
  };
  return new Set(idsOf(payments.filter((payment) => !isLost(payment))));
}

/** Writes down what went back; their orders must be locked. @returns the steps of the timeline */
async function endReversed(
  deps: HandlerDeps,
  tx: Queryable,
  payments: readonly RecordedPayment[],
  { currencyOf, contested, answerOf, attemptOf }: {
    currencyOf: (payment: RecordedPayment) => string;
    contested: ReadonlyMap<number, unknown>;
    answerOf: ReadonlyMap<number, unknown>;
    attemptOf: ReadonlyMap<number, number>;
  },
): Promise<OrderEventRow[]> {
  const steps: OrderEventRow[] = [];
  const returned = await readReturnedReversals(tx, payments.map(named));
  for (const payment of payments) {
    const { id, orderId, amountCents } = payment;
    const currency = currencyOf(payment);
    // Its provider took that back since it said so: a person gives it back, and whoever stood still meanwhile ends nothing.
    if (returned.has(id) && !contested.has(id)) continue;
    if (!await markReversed(tx, id)) {
      // Another consumer may have booked it as well, which is no fault.
      if (answerOf.has(id) && !contested.has(id) && await wasReturnedByHand(tx, payment)) {
        const money = { amountCents, currency, chargebackId: null };
        const attempt = attemptOf.get(orderId)!;
        await noteGivenTwice(deps, tx, [
          { orderId, refundId: null, paymentId: id, ...money, attempt },
        ]);
      }
      continue;
    }
    // A process without the provider's settings may have left it to a person meanwhile.
    await endPaymentByHand(tx, id);
    if (contested.has(id)) await noteReturned(tx, payment);
    const amount = namedAmount(amountCents, currency);
    const detail = contested.has(id) ? lostByChargeback(amount) : amount;
    steps.push({ orderId, event: "payment_reversed", detail });
  }
  return steps;
}

/** How long a payment waits that its customer contests at the bank, until it is looked at again, in milliseconds. */
const contestedMs = 3_600_000;

/** What is contested is not given back as well: it waits until that is decided, and is over where it is lost. */
function contestedAnswer(
  { amountCents }: RecordedPayment,
  { isHeld, lostCents }: Pick<ChargedBack, "isHeld" | "lostCents">,
): ReversalAnswer {
  if (isHeld) return { kind: "pending", delayMs: contestedMs };
  return lostCents >= amountCents
    ? { kind: "refunded" }
    : { kind: "refused", reason: "a part of it was lost by a chargeback" };
}
const idsOf = (
  payments: readonly RecordedPayment[],
) => [...new Set(payments.map(({ orderId }) => orderId))];

const named = ({ id, orderId, providerRef: ref }: RecordedPayment) => ({ id, orderId, ref });

/** What was said of a payment that is to be given back. */
type ReversalAnswer = RefundAnswer | Stranger | LeftToPerson;

interface LeftToPerson {
  kind: "left_to_person";
  /** What its provider is or did. */
  because: string;
}

/** @param answers about all payments of an order; undefined for one of nothing */
function outcomeOf(
  message: ReversalMessage,
  answers: readonly (ReversalAnswer | undefined)[],
): Outcome {
  const away = answers.find((answer) => answer?.kind === "away");
  if (away?.kind === "away") return { kind: "outage", error: away.error };
  const failed = answers.find((answer) => answer?.kind === "failed");
  if (failed?.kind === "failed") return { kind: "retry", error: failed.error };
  const stranger = answers.find((answer) => answer?.kind === "stranger");
  if (stranger?.kind === "stranger") return { kind: "dead", error: stranger.error };
  const refused = answers.find((answer) => answer?.kind === "refused");
  if (refused?.kind === "refused") {
    return { kind: "dead", error: `the provider keeps the payment: ${refused.reason}` };
  }
  const pending = answers.find((answer) => answer?.kind === "pending");
  if (pending?.kind === "pending") return laterOutcome(message, pending);
  return done();
}

/** Asks for payments that are to be given back; answers by payment id. */
async function askForReversals(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ReversalMessage>[],
  payments: readonly RecordedPayment[],
): Promise<Map<number, ReversalAnswer>> {
  const { requests, isSourcePayment } = await requestsFor(deps, payments);
  const messages = Map.groupBy(deliveries, ({ message }) => message.orderId);
  const behind = new Map(payments.map(({ id, orderId }) => [id, messages.get(orderId)!]));
  const answers = await giveBackThrough(deps, requests, behind);
  return new Map(payments.map((payment): [number, ReversalAnswer] => {
    const answer = answers.get(payment.id)!;
    const isLeft = answer.kind === "stranger" && isSourcePayment(payment);
    return [payment.id, isLeft ? { kind: "left_to_person", because: "is not configured" } : answer];
  }));
}

/**
 * What providers say of payments that were perhaps given back before their customers went to the bank: asked for and not booked, or
 * still under way then. Nothing is asked for.
 */
async function lookUpReversals(
  deps: HandlerDeps,
  payments: readonly RecordedPayment[],
): Promise<Map<number, RefundAnswer>> {
  if (payments.length === 0) return new Map();
  return await lookUpGivenBack(deps, (await requestsFor(deps, payments)).requests);
}

async function requestsFor(deps: HandlerDeps, payments: readonly RecordedPayment[]) {
  const [orders, installation] = await Promise.all([
    readCharges(deps.db, payments.map(({ orderId }) => orderId)),
    readInstallation(deps.db),
  ]);
  const isSourcePayment = ({ orderId, surplus }: RecordedPayment) =>
    surplus === 0 && orders.get(orderId)!.paidAtSource === true;
  const requests = new Map(payments.map((payment): [number, RequestThrough] => {
    const { id, orderId, provider, providerRef: chargeRef, amountCents } = payment;
    const { externalOrderId: reference, currency } = orders.get(orderId)!;
    // Neither money beside the first nor the source's was ever asked for under a key made of the order's row id.
    const mayBeOld = payment.surplus === 0 && !isSourcePayment(payment);
    const keys = mayBeOld ? installation : { ...installation, oldKeysUntil: "" };
    const idempotencyKey = reversalKeyOf(keys, { ...payment, externalOrderId: reference });
    return [id, {
      provider,
      request: {
        orderId,
        reference,
        amountCents,
        currency: payment.currency ?? currency,
        idempotencyKey,
        chargeRef,
        chargeCents: amountCents,
      },
    }];
  }));
  return { requests, isSourcePayment };
}
