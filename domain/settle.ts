/**
 * Decides what a gateway's answer does to an order.
 *
 * @module
 */

import { type OrderFacts, type OrderStatus, orderTransitions } from "./order.ts";

/** What the gateway said of one charge. */
export interface GatewayAnswer {
  /** Whether the money was taken. */
  outcome: "succeeded" | "declined";
  /** What the provider says it took, or refused to take. */
  amountCents: number;
  /** The provider's own name for the charge. */
  providerRef: string;
}

/** What became of one answer. Replays are outcomes too: they have the effects of the first time. */
export type SettleDecision =
  /** Record the payment and become `PAID`. */
  | { kind: "pay" }
  /** Give the stock back and become `FAILED` (`payment_declined`). */
  | { kind: "decline" }
  /** This answer, or one like it, was counted before: repeat what follows from it. */
  | { kind: "already_settled" }
  /** Money came for an order that is over without it: record it and give it back. */
  | { kind: "late_success" }
  /** The order is not reserved yet, so nothing can have been charged: look again later. */
  | { kind: "too_early" }
  /** The order was paid, in time or too late, and this is other money: a person has to look. */
  | { kind: "paid_twice" }
  /** The provider took another amount than the order's total: a person has to look. */
  | { kind: "wrong_amount" };

/**
 * Decides what one answer does to its order.
 *
 * @param order as its locked row says
 * @param answer the gateway's
 * @param paidBy the provider's name for the charge whose money was recorded for the order, be it on its way
 * back or gone; null where there was none
 */
export function decideSettle(
  order: OrderFacts,
  answer: GatewayAnswer,
  paidBy: string | null,
): SettleDecision {
  if (answer.outcome === "succeeded" && paidBy !== null && answer.providerRef !== paidBy) {
    return { kind: "paid_twice" };
  }
  if (answer.outcome === "succeeded" && answer.amountCents !== order.totalCents) {
    return { kind: "wrong_amount" };
  }
  switch (order.status) {
    case "PENDING":
      return { kind: "too_early" };
    case "PAID":
      return { kind: "already_settled" };
    case "FAILED":
    case "CANCELLED":
      return { kind: answer.outcome === "succeeded" ? "late_success" : "already_settled" };
    case "RESERVED":
      return { kind: answer.outcome === "succeeded" ? "pay" : "decline" };
  }
}

/**
 * Decides what becomes of an order whose gateway gave no answer, not even when asked again.
 *
 * @param status of the locked order
 */
export function decideTimeOut(status: OrderStatus): { kind: "time_out" | "already_settled" } {
  return { kind: orderTransitions[status].time_out === undefined ? "already_settled" : "time_out" };
}
