/**
 * What follows from a settled order and from a finished refund. Whoever finds one settled repeats the
 * same effects, so nothing is lost by a crash between the commit and the effects; each of them counts
 * once however often it comes.
 *
 * @module
 */

import type { KpiEvent } from "../kpi/kpi.ts";
import type { Message } from "../messages/messages.ts";
import { isSettled, type OrderFacts } from "./order.ts";

/** Messages to send and figures to count. */
export interface Effects {
  /** To enqueue. */
  messages: Message[];
  /** To count. */
  kpis: KpiEvent[];
}

/**
 * What follows from an order as it stands.
 *
 * @param order as committed; while it is unfinished, nothing follows
 * @param kpiDay tells the KPI day of a database time
 */
export function effectsOfOrder(order: OrderFacts, kpiDay: (time: string) => string): Effects {
  if (!isSettled(order.status) || order.settledAt === null) return { messages: [], kpis: [] };
  const { id: orderId, currency, customerId, totalCents } = order;
  const messages: Message[] = [{
    type: "notify.order",
    orderId,
    amountCents: totalCents,
    currency,
  }];
  const day = kpiDay(order.settledAt);
  if (order.status === "PAID") {
    const paid = { kind: "paid", orderId, day, currency, cents: totalCents, customerId } as const;
    return { messages, kpis: [paid] };
  }
  if (order.status === "FAILED") {
    return { messages, kpis: [{ kind: "failed", orderId, day, currency }] };
  }
  return { messages, kpis: [] };
}

/**
 * What follows from a refund as it stands.
 *
 * @param order that was paid; its day of settlement is the day that the refund lowers
 * @param refund as committed
 */
export function effectsOfRefund(
  order: OrderFacts,
  refund: { id: number; amountCents: number; status: string },
  kpiDay: (time: string) => string,
): Effects {
  if (refund.status === "REQUESTED") return { messages: [], kpis: [] };
  const { id: orderId, currency, customerId, settledAt } = order;
  const { id: refundId, amountCents: cents } = refund;
  const messages: Message[] = [
    { type: "notify.refund", orderId, refundId, amountCents: cents, currency },
  ];
  if (refund.status !== "PROCESSED" || settledAt === null) return { messages, kpis: [] };
  const day = kpiDay(settledAt);
  return { messages, kpis: [{ kind: "refunded", refundId, day, currency, cents, customerId }] };
}
