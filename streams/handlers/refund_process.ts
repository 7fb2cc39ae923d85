/**
 * `refund.process`, of the `refunds` group: gives the money of a `PAID` order back.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, type OrderEventRow } from "../../db/orders/timelines.ts";
import { addRefunded, readCharges } from "../../db/orders/orders.ts";
import { readChargedBack } from "../../db/payments/chargebacks.ts";
import { readPayments } from "../../db/payments/payments.ts";
import type { GivenTwice } from "../../db/refunds/given_twice.ts";
import { leaveRefundsToPerson, takeRefundsFromPerson } from "../../db/refunds/refunds_by_hand.ts";
import { endRefunds, readProviderKeys, refundFactsOf } from "../../db/refunds/refund_rows.ts";
import { answerByRefunds } from "../../db/refunds/returned_refunds.ts";
import { effectsOfRefund } from "../../domain/order/effects.ts";
import type { RefundMessage, StockMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import { type ChargedBack, withChargebacks } from "../../domain/payment/chargeback.ts";
import { decideRefund, type RefundDecision, type RefundFacts } from "../../domain/refund/refund.ts";
import { type BookedRefund, bookOrders, bookRefunds } from "../ledger/book_orders.ts";
import type { RefundAnswer, RefundPending } from "../payments/gateway.ts";
import {
  giveBackThrough,
  laterOutcome,
  lookUpGivenBack,
  type RequestThrough,
  type Stranger,
} from "../payments/give_back.ts";
import { noteChargedBackTwice, noteGivenTwice } from "../payments/given_twice.ts";
import { restockUnits } from "../payments/restock_units.ts";
import {
  type Delivery,
  done,
  type HandlerDeps,
  type Outcome,
  vanished,
  withFollowUps,
} from "../workflow/handler.ts";
import { orderHeld, refundLocks } from "../workflow/order_locks.ts";

/** What a batch of refunds found, and what it will write. */
interface Refunding {
  orders: ReadonlyMap<number, OrderFacts & { chargedBack?: ChargedBack }>;
  /** Orders that another transaction has, or one of their refunds. */
  held: ReadonlySet<number>;
  /** As they will stand, by order id. */
  refundsOf: ReadonlyMap<number, RefundFacts[]>;
  answers: ReadonlyMap<number, RefundAnswer | Stranger>;
  processed: (RefundFacts & BookedRefund)[];
  failed: { id: number; failureReason: string }[];
  /** Those that no configured provider can give back. */
  byHand: { id: number; provider: string }[];
  /** Those that were left to a person while their provider was giving them back. */
  notByHand: number[];
  /** Cents by order id. */
  refunded: Map<number, number>;
  events: OrderEventRow[];
  /** Those that a person gave back while their provider did: they are booked once, and somebody has to get one back. */
  twice: (GivenTwice & { chargebackId: null; attempt: number })[];
}

/**
 * Gives the money of requested refunds back: the gateway that took it first, under the refund's key, then the
 * database, in one transaction for the batch.
 *
 * What was paid at the source, through a provider that is not configured, waits for a person from then on, and is booked
 * here once that person has said so.
 * What they bring back goes into stock in that transaction as well.
 *
 * A crash between the two is repaired by asking again with the same key. The sums were checked when the
 * refunds were requested; they are checked again under the orders' locks before anything is written.
 */
export async function applyRefunds(
  deps: HandlerDeps,
  deliveries: readonly Delivery<RefundMessage>[],
): Promise<Outcome[]> {
  const answers = await askGateway(deps, deliveries);
  const lock = refundLocks(deps.db);
  return await deps.db.transaction(async (tx) => {
    const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
    const { orders, now, held, refundsOf } = await lock(tx, orderIds);
    const refunding: Refunding = {
      orders: withChargebacks(orders, await readChargedBack(tx, [...orders.keys()])),
      held,
      refundsOf,
      answers,
      processed: [],
      failed: [],
      byHand: [],
      notByHand: [],
      refunded: new Map(),
      events: [],
      twice: [],
    };
    const outcomes = deliveries.map((delivery) => applyOne(deps, refunding, delivery));
    await noteGivenTwice(deps, tx, refunding.twice);
    await bookOrders(tx, [...new Set(refunding.twice.map(({ orderId }) => orderId))], now);
    const arrived = await writeRefunds(tx, refunding, now, deps.consumer);
    // What its provider made before anybody could stop it may have gone back by a chargeback as well.
    const contested = refunding.processed.map(({ orderId }) => orderId)
      .filter((id) => refunding.orders.get(id)!.chargedBack !== undefined);
    await noteChargedBackTwice(deps, tx, [...new Set(contested)]);
    return withFollowUps(outcomes, arrived);
  });
}

function applyOne(
  deps: HandlerDeps,
  refunding: Refunding,
  { message, attempt }: Delivery<RefundMessage>,
): Outcome {
  const { orderId, refundId } = message;
  const { orders, refundsOf, answers, failed, byHand, events } = refunding;
  if (refunding.held.has(orderId)) return orderHeld(orderId);
  const order = orders.get(orderId);
  const refund = refundsOf.get(orderId)?.find(({ id }) => id === refundId);
  if (order === undefined) return vanished("order", orderId);
  if (refund === undefined) return vanished("refund", refundId);
  noteGivenBackTwice(refunding, order, refund, attempt);
  const others = refundsOf.get(orderId)!.filter((other) => other !== refund);
  const decision = withAnswer(
    order,
    refund,
    decideRefund(order, refund, others),
    answers.get(refundId),
  );
  switch (decision.kind) {
    case "process":
      bookRefund(refunding, order, refund, attempt);
      break;
    case "refuse": {
      const { because } = decision;
      refund.status = "FAILED";
      failed.push({ id: refundId, failureReason: because });
      events.push({ orderId, refundId, event: "refund_failed", detail: because, attempt });
      break;
    }
    case "left_to_person": {
      const { provider } = decision;
      refund.byHand = "waiting";
      byHand.push({ id: refundId, provider });
      const amount = namedAmount(refund.amountCents, order.currency);
      const detail = `${amount}: "${provider}" is not configured`;
      events.push({ orderId, refundId, event: "refund_by_hand", detail, attempt });
      break;
    }
    case "by_hand":
    case "already_processed":
    case "already_failed":
      break;
    case "away":
      return { kind: "outage", error: decision.error };
    case "pending":
      return laterOutcome(message, decision);
    case "unanswered":
      return { kind: "retry", error: decision.error };
    case "stranger":
      return { kind: "dead", error: decision.error };
  }
  return done(effectsOfRefund(order, refund, deps.kpiDay));
}

/** What a person gave back while its provider did. */
function noteGivenBackTwice(
  { answers, twice }: Refunding,
  { id: orderId, currency }: OrderFacts,
  { id: refundId, byHand, amountCents }: RefundFacts,
  attempt: number,
): void {
  if (byHand !== "given_back" || answers.get(refundId)?.kind !== "refunded") return;
  const money = { amountCents, currency, chargebackId: null };
  twice.push({ orderId, refundId, paymentId: null, ...money, attempt });
}

/** The money went back. */
function bookRefund(
  refunding: Refunding,
  order: OrderFacts,
  refund: RefundFacts,
  attempt: number,
): void {
  const { processed, notByHand, refunded, events } = refunding;
  const { id: orderId, currency } = order;
  const { id: refundId, amountCents } = refund;
  if (refund.byHand === "waiting" || refund.byHand === "refused") {
    delete refund.byHand;
    notByHand.push(refundId);
  }
  refund.status = "PROCESSED";
  processed.push({ ...refund, orderId, currency });
  refunded.set(orderId, (refunded.get(orderId) ?? 0) + amountCents);
  const detail = namedAmount(amountCents, currency);
  events.push({ orderId, refundId, event: "refund_processed", detail, attempt });
}

/** @returns what takes up the orders that wait for the units that came back */
async function writeRefunds(
  tx: Queryable,
  { processed, failed, byHand, notByHand, refunded, events }: Refunding,
  now: string,
  consumer: string,
): Promise<StockMessage[]> {
  await addRefunded(tx, refunded);
  await takeRefundsFromPerson(tx, notByHand);
  await endRefunds(
    tx,
    "process",
    processed.map(({ id }) => ({ id, failureReason: null })),
    now,
  );
  await bookRefunds(tx, processed, now);
  await answerByRefunds(tx, processed);
  await endRefunds(tx, "refuse", failed, now);
  await leaveRefundsToPerson(tx, byHand);
  await addOrderEvents(tx, events, consumer);
  return await restockUnits(tx, processed, consumer);
}

/** Asks for the refunds of a batch that are neither finished nor refused by the sums. */
async function askGateway(
  deps: HandlerDeps,
  deliveries: readonly Delivery<RefundMessage>[],
): Promise<Map<number, RefundAnswer | Stranger>> {
  const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
  const chargedBack = await readChargedBack(deps.db, orderIds);
  const orders = withChargebacks(await readCharges(deps.db, orderIds), chargedBack);
  const refundsOf = await refundFactsOf(deps.db, orderIds, { lock: false });
  const payments = await readPayments(deps.db, orderIds);
  const keys = await readProviderKeys(deps.db, deliveries.map(({ message }) => message.refundId));
  const requests = new Map<number, RequestThrough>();
  const charged = new Map<number, RequestThrough>();
  for (const { message: { orderId, refundId } } of deliveries) {
    const order = orders.get(orderId);
    const refunds = refundsOf.get(orderId) ?? [];
    const refund = refunds.find(({ id }) => id === refundId);
    const payment = payments.get(orderId);
    if (order === undefined || refund === undefined || payment === undefined) continue;
    const others = refunds.filter((other) => other !== refund);
    if (refund.byHand) continue;
    const decision = decideRefund(order, refund, others);
    const isChargedBack = decision.kind === "refuse" && decision.isChargedBack === true;
    if (decision.kind !== "process" && !isChargedBack) continue;
    (isChargedBack ? charged : requests).set(refundId, {
      provider: payment.provider,
      request: {
        orderId,
        reference: order.externalOrderId,
        amountCents: refund.amountCents,
        currency: order.currency,
        idempotencyKey: keys.get(refundId)!,
        chargeRef: payment.providerRef,
        chargeCents: payment.amountCents,
      },
      refundId,
    });
  }
  const behind = Map.groupBy(deliveries, ({ message }) => message.refundId);
  const answers = await giveBackThrough(deps, requests, behind);
  for (const [id, answer] of await lookUpGivenBack(deps, charged)) answers.set(id, answer);
  return answers;
}

function withAnswer(
  order: OrderFacts,
  refund: RefundFacts,
  decision: RefundDecision,
  answer: RefundAnswer | Stranger | undefined,
):
  | RefundDecision
  | Stranger
  | { kind: "left_to_person"; provider: string }
  | { kind: "away" | "unanswered"; error: string }
  | RefundPending {
  // A process without the provider's settings has left it to a person meanwhile, who would give it back once more, or
  // has refused what is gone.
  const isLeft = refund.byHand === "waiting" || refund.byHand === "refused";
  if (refund.status === "REQUESTED" && isLeft && answer?.kind === "refunded") {
    return { kind: "process" };
  }
  // Charged back since it was asked for, as far as anybody asked.
  if (decision.kind === "refuse" && decision.isChargedBack) {
    if (answer === undefined || answer.kind === "refused" || answer.kind === "stranger") {
      return decision;
    }
    return withAnswer(order, refund, { kind: "process" }, answer);
  }
  // What a person gave back is only to be booked.
  if (decision.kind !== "process" || refund.byHand === "given_back") return decision;
  switch (answer?.kind) {
    case "refunded":
      return decision;
    case "refused":
      return { kind: "refuse", because: answer.reason };
    case "stranger":
      return order.paidAtSource ? { kind: "left_to_person", provider: answer.provider } : answer;
    case "away":
    case "pending":
      return answer;
    case "failed":
      return { kind: "unanswered", error: answer.error };
    case undefined:
      return { kind: "unanswered", error: "the refund was requested while its batch was running" };
  }
}
