/**
 * What follows from a settled order and from a finished refund. Whoever finds one settled repeats the
 * same effects, so nothing is lost by a crash between the commit and the effects; each of them counts
 * once however often it comes.
 *
 * @module
 */

import { type KpiEvent, orderKpiEvents, refundKpiEvents } from "../kpi/kpi.ts";
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
  const { id: orderId, currency, totalCents, settledAt } = order;
  const messages: Message[] = [{
    type: "notify.order",
    orderId,
    amountCents: totalCents,
    currency,
  }];
  return { messages, kpis: orderKpiEvents({ ...order, settledAt }, kpiDay) };
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
  const messages: Message[] = [
    {
      type: "notify.refund",
      orderId,
      refundId: refund.id,
      amountCents: refund.amountCents,
      currency,
    },
  ];
  if (settledAt === null) return { messages, kpis: [] };
  return {
    messages,
    kpis: refundKpiEvents({ ...refund, customerId, currency, settledAt }, kpiDay),
  };
}
