/**
 * Decides what a gateway's answer does to an order.
 *
 * @module
 */

import type { OrderFacts } from "./order.ts";

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
  /** The provider took another amount than the order's total: a person has to look. */
  | { kind: "wrong_amount" };

/**
 * Decides what one answer does to its order.
 *
 * @param order as its locked row says
 * @param answer the gateway's
 */
export function decideSettle(order: OrderFacts, answer: GatewayAnswer): SettleDecision {
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
