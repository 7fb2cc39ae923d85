/**
 * The `refunds` group: gives money back.
 *
 * @module
 */

import { addOrderEvents, type OrderEventRow } from "../db/events.ts";
import { addRefunded, lockOrders, readOrders } from "../db/orders.ts";
import { markReversed, readPayments, readReversing } from "../db/payments.ts";
import { endRefunds, refundFactsOf } from "../db/refund_rows.ts";
import { effectsOfRefund } from "../domain/effects.ts";
import type { RefundMessage, ReversalMessage } from "../domain/messages.ts";
import { moneyText } from "../domain/money_text.ts";
import { decideRefund, type RefundDecision, type RefundFacts } from "../domain/refund.ts";
import type { GatewayRequest, GiveBackAnswer } from "./gateway.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";
import { noteProviderAway } from "./provider_away.ts";

/**
 * Gives the money of requested refunds back: the gateway first, under the refund's idempotency key, then
 * the books, in one transaction for the batch.
 *
 * A crash between the two is mended by asking again with the same key. The sums were checked when the
 * refunds were requested; they are checked again under the orders' locks before anything is written.
 */
export async function applyRefunds(
  deps: HandlerDeps,
  deliveries: readonly Delivery<RefundMessage>[],
): Promise<Outcome[]> {
  const answers = await askGateway(deps, deliveries);
  return await deps.db.transaction(async (tx) => {
    const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
    const { orders, now } = await lockOrders(tx, orderIds);
    const refundsOf = await refundFactsOf(tx, orderIds, { lock: true });
    const processed: RefundFacts[] = [];
    const failed: { id: number; failureReason: string }[] = [];
    const refunded = new Map<number, number>();
    const events: OrderEventRow[] = [];

    const outcomes = deliveries.map(({ message, attempt }): Outcome => {
      const { orderId, refundId } = message;
      const order = orders.get(orderId);
      const refund = refundsOf.get(orderId)?.find(({ id }) => id === refundId);
      if (order === undefined) return vanished("order", orderId);
      if (refund === undefined) return vanished("refund", refundId);
      const others = refundsOf.get(orderId)!.filter((other) => other !== refund);
      const decision = withAnswer(decideRefund(order, refund, others), answers.get(refundId));
      switch (decision.kind) {
        case "process":
          refund.status = "PROCESSED";
          processed.push(refund);
          refunded.set(orderId, (refunded.get(orderId) ?? 0) + refund.amountCents);
          events.push({
            orderId,
            refundId,
            event: "refund_processed",
            detail: `${refund.amountCents} cents`,
            attempt,
          });
          break;
        case "refuse":
          refund.status = "FAILED";
          failed.push({ id: refundId, failureReason: decision.because });
          events.push({
            orderId,
            refundId,
            event: "refund_failed",
            detail: decision.because,
            attempt,
          });
          break;
        case "already_processed":
        case "already_failed":
          break;
        case "away":
          return { kind: "outage", error: decision.error };
        case "unanswered":
          return { kind: "retry", error: decision.error };
      }
      return done(effectsOfRefund(order, refund, deps.kpiDay));
    });

    await addRefunded(tx, refunded);
    await endRefunds(
      tx,
      "PROCESSED",
      processed.map(({ id }) => ({ id, failureReason: null })),
      now,
    );
    await endRefunds(tx, "FAILED", failed, now);
    await addOrderEvents(tx, events, deps.consumer);
    return outcomes;
  });
}

/** Asks for the refunds of a batch that are neither finished nor refused by the sums. */
async function askGateway(
  deps: HandlerDeps,
  deliveries: readonly Delivery<RefundMessage>[],
): Promise<Map<number, GiveBackAnswer>> {
  const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
  const orders = await readOrders(deps.db, orderIds);
  const refundsOf = await refundFactsOf(deps.db, orderIds, { lock: false });
  const requests = new Map<number, GatewayRequest>();
  for (const { message: { orderId, refundId } } of deliveries) {
    const order = orders.get(orderId);
    const refunds = refundsOf.get(orderId) ?? [];
    const refund = refunds.find(({ id }) => id === refundId);
    if (order === undefined || refund === undefined) continue;
    const others = refunds.filter((other) => other !== refund);
    if (decideRefund(order, refund, others).kind !== "process") continue;
    requests.set(refundId, {
      orderId,
      amountCents: refund.amountCents,
      currency: order.currency,
      idempotencyKey: `refund-${refundId}`,
    });
  }
  const answers = await deps.gateway.giveBack([...requests.values()]);
  await noteProviderAway(deps, answers);
  return new Map([...requests.keys()].map((refundId, index) => [refundId, answers[index]!]));
}

function withAnswer(
  decision: RefundDecision,
  answer: GiveBackAnswer | undefined,
): RefundDecision | { kind: "away" | "unanswered"; error: string } {
  if (decision.kind !== "process") return decision;
  switch (answer?.kind) {
    case "given_back":
      return decision;
    case "refused":
      return { kind: "refuse", because: answer.reason };
    case "away":
      return answer;
    case "failed":
      return { kind: "unanswered", error: answer.error };
    case undefined:
      return { kind: "unanswered", error: "the refund was requested while its batch was running" };
  }
}

/**
 * Gives back payments that came too late, or that a person gave up: the gateway first, under the payment's reversal
 * key, then the books. A crash between the two is mended by asking again with the same key. A payment of nothing
 * is over without the gateway.
 */
export async function reversePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ReversalMessage>[],
): Promise<Outcome[]> {
  const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
  const known = await readPayments(deps.db, orderIds);
  const orders = await readOrders(deps.db, orderIds);
  const open = await readReversing(deps.db, orderIds);
  const asked = open.filter(({ amountCents }) => amountCents > 0);
  const answers = await deps.gateway.giveBack(
    asked.map(({ orderId, amountCents, currency, providerRef, surplus }) => ({
      orderId,
      amountCents,
      currency: currency ?? orders.get(orderId)!.currency,
      idempotencyKey: `reversal-${orderId}${surplus === 0 ? "" : `-${surplus}`}`,
      chargeId: providerRef,
    })),
  );
  await noteProviderAway(deps, answers);
  const answerOf = new Map(asked.map(({ id }, index) => [id, answers[index]!]));
  const givenBack = open.filter(({ id }) =>
    (answerOf.get(id)?.kind ?? "given_back") === "given_back"
  );
  await deps.db.transaction(async (tx) => {
    await lockOrders(tx, orderIds);
    const events: OrderEventRow[] = [];
    for (const { id, orderId, amountCents, currency } of givenBack) {
      if (!await markReversed(tx, id)) continue;
      const own = orders.get(orderId)!.currency;
      const detail = moneyText(amountCents, currency ?? own, own);
      events.push({ orderId, event: "payment_reversed", detail });
    }
    await addOrderEvents(tx, events, deps.consumer);
  });
  return deliveries.map(({ message: { orderId } }): Outcome => {
    if (!known.has(orderId)) return vanished("payment of order", orderId);
    const own = open.filter((payment) => payment.orderId === orderId)
      .map(({ id }) => answerOf.get(id));
    const away = own.find((answer) => answer?.kind === "away");
    if (away?.kind === "away") return { kind: "outage", error: away.error };
    const failed = own.find((answer) => answer?.kind === "failed");
    if (failed?.kind === "failed") return { kind: "retry", error: failed.error };
    const refused = own.find((answer) => answer?.kind === "refused");
    if (refused?.kind === "refused") {
      return { kind: "dead", error: `the provider keeps the payment: ${refused.reason}` };
    }
    return done();
  });
}
