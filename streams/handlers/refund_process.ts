/**
 * The `refunds` group: gives money back.
 *
 * @module
 */

import { addOrderEvents, type OrderEventRow } from "../../db/orders/events.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { addRefunded, lockOrders, readCharges } from "../../db/orders/orders.ts";
import {
  markReversed,
  readPayments,
  readReversing,
  type RecordedPayment,
} from "../../db/payments/payments.ts";
import { endRefunds, readProviderKeys, refundFactsOf } from "../../db/refunds/refund_rows.ts";
import { effectsOfRefund } from "../../domain/order/effects.ts";
import type { RefundMessage, ReversalMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import { reversalKeyOf } from "../../domain/payment/payment_key.ts";
import { decideRefund, type RefundDecision, type RefundFacts } from "../../domain/refund/refund.ts";
import {
  gatewayNamed,
  type GatewayRequest,
  type RefundAnswer,
  type StillOurs,
} from "../payments/gateway.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "../queue/handler.ts";
import { noteProviderAway } from "../payments/provider_away.ts";

/**
 * Gives the money of requested refunds back: the gateway that took it first, under the refund's key, then the
 * books, in one transaction for the batch.
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
            detail: namedAmount(refund.amountCents, order.currency),
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
        case "stranger":
          return { kind: "dead", error: decision.error };
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

/** The money is with a provider that is not configured: nobody else may give it back. */
interface Stranger {
  kind: "stranger";
  error: string;
}

/** Asks for the refunds of a batch that are neither finished nor refused by the sums. */
async function askGateway(
  deps: HandlerDeps,
  deliveries: readonly Delivery<RefundMessage>[],
): Promise<Map<number, RefundAnswer | Stranger>> {
  const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
  const orders = await readCharges(deps.db, orderIds);
  const refundsOf = await refundFactsOf(deps.db, orderIds, { lock: false });
  const payments = await readPayments(deps.db, orderIds);
  const keys = await readProviderKeys(deps.db, deliveries.map(({ message }) => message.refundId));
  const requests = new Map<number, RequestThrough>();
  for (const { message: { orderId, refundId } } of deliveries) {
    const order = orders.get(orderId);
    const refunds = refundsOf.get(orderId) ?? [];
    const refund = refunds.find(({ id }) => id === refundId);
    const payment = payments.get(orderId);
    if (order === undefined || refund === undefined || payment === undefined) continue;
    const others = refunds.filter((other) => other !== refund);
    if (decideRefund(order, refund, others).kind !== "process") continue;
    requests.set(refundId, {
      provider: payment.provider,
      request: {
        orderId,
        reference: order.externalOrderId,
        amountCents: refund.amountCents,
        currency: order.currency,
        idempotencyKey: keys.get(refundId)!,
        chargeRef: payment.providerRef,
      },
    });
  }
  const behind = Map.groupBy(deliveries, ({ message }) => message.refundId);
  return await refundThrough(deps, requests, behind);
}

/** Money to give back, and who took it. */
interface RequestThrough {
  provider: string;
  request: GatewayRequest;
}

/**
 * Asks each provider for what it took itself; what no gateway is configured for is asked for nowhere.
 *
 * @param behind the messages that want each of them
 */
async function refundThrough(
  deps: HandlerDeps,
  requests: ReadonlyMap<number, RequestThrough>,
  behind: ReadonlyMap<number, readonly Delivery[]>,
): Promise<Map<number, RefundAnswer | Stranger>> {
  const messagesOf = new Map(
    [...requests].map(([id, { request }]) => [request, behind.get(id)!.map(({ id }) => id)]),
  );
  const stillOurs: StillOurs = (request) =>
    deps.stillOurs?.(messagesOf.get(request)!) ?? Promise.resolve(true);
  const answers = new Map<number, RefundAnswer | Stranger>();
  const byProvider = Map.groupBy(requests, ([, { provider }]) => provider);
  await Promise.all([...byProvider].map(async ([provider, wanted]) => {
    const gateway = gatewayNamed(deps, provider);
    const given = await gateway?.refund(wanted.map(([, { request }]) => request), stillOurs);
    wanted.forEach(([id, { request: { reference } }], index) => {
      answers.set(
        id,
        given?.[index] ?? {
          kind: "stranger",
          error: `the money of order ${JSON.stringify(reference)} was taken by "${provider}", ` +
            "which is not configured here: only it can give it back",
        },
      );
    });
  }));
  await noteProviderAway(deps, [...answers.values()]);
  return answers;
}

function withAnswer(
  decision: RefundDecision,
  answer: RefundAnswer | Stranger | undefined,
): RefundDecision | Stranger | { kind: "away" | "unanswered"; error: string } {
  if (decision.kind !== "process") return decision;
  switch (answer?.kind) {
    case "refunded":
      return decision;
    case "refused":
      return { kind: "refuse", because: answer.reason };
    case "away":
    case "stranger":
      return answer;
    case "failed":
      return { kind: "unanswered", error: answer.error };
    case undefined:
      return { kind: "unanswered", error: "the refund was requested while its batch was running" };
  }
}

/**
 * Gives back payments that came too late, or that a person gave up: the gateway that took them first, under the
 * payment's own key, then the books. A crash between the two is mended by asking again with the same key. A payment
 * of nothing is over without the gateway.
 */
export async function reversePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ReversalMessage>[],
): Promise<Outcome[]> {
  const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
  const known = await readPayments(deps.db, orderIds);
  const open = await readReversing(deps.db, orderIds);
  const asked = open.filter(({ amountCents }) => amountCents > 0);
  const answerOf = await askForReversals(deps, deliveries, asked);
  const givenBack = open.filter(({ id }) => (answerOf.get(id)?.kind ?? "refunded") === "refunded");
  await deps.db.transaction(async (tx) => {
    const { orders } = await lockOrders(tx, orderIds);
    const events: OrderEventRow[] = [];
    for (const { id, orderId, amountCents, currency } of givenBack) {
      if (!await markReversed(tx, id)) continue;
      const own = orders.get(orderId)!.currency;
      const detail = namedAmount(amountCents, currency ?? own);
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
    const stranger = own.find((answer) => answer?.kind === "stranger");
    if (stranger?.kind === "stranger") return { kind: "dead", error: stranger.error };
    const refused = own.find((answer) => answer?.kind === "refused");
    if (refused?.kind === "refused") {
      return { kind: "dead", error: `the provider keeps the payment: ${refused.reason}` };
    }
    return done();
  });
}

/** Asks for payments that are to be given back; answers by payment id. */
async function askForReversals(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ReversalMessage>[],
  payments: readonly RecordedPayment[],
): Promise<Map<number, RefundAnswer | Stranger>> {
  const [orders, installation] = await Promise.all([
    readCharges(deps.db, payments.map(({ orderId }) => orderId)),
    readInstallation(deps.db),
  ]);
  const requests = new Map(payments.map((payment): [number, RequestThrough] => {
    const { id, orderId, provider, providerRef: chargeRef, amountCents } = payment;
    const { externalOrderId: reference, currency } = orders.get(orderId)!;
    // Money beside the first was never asked for under a key made of the order's row id.
    const keys = payment.surplus === 0 ? installation : { ...installation, oldKeysUntil: "" };
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
      },
    }];
  }));
  const messages = Map.groupBy(deliveries, ({ message }) => message.orderId);
  const behind = new Map(payments.map(({ id, orderId }) => [id, messages.get(orderId)!]));
  return await refundThrough(deps, requests, behind);
}
