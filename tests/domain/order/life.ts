/**
 * Orders and refunds in every state, for tests that walk them all.
 *
 * @module
 */

import type {
  OrderEvent,
  OrderFacts,
  OrderStatus,
  RefundEvent,
  RefundStatus,
} from "../../../domain/order/order.ts";

/** Every state of an order. */
export const orderStates: readonly OrderStatus[] = [
  "PENDING",
  "RESERVED",
  "PAID",
  "FAILED",
  "CANCELLED",
];

/** Everything that can happen to an order. */
export const orderEvents: readonly OrderEvent[] = [
  "reserve",
  "run_short",
  "pay",
  "decline",
  "time_out",
  "cancel",
  "retry",
];

/** Everything that can happen to a refund. */
export const refundEvents: readonly RefundEvent[] = ["process", "refuse", "return"];

/** Every state of a refund. */
export const refundStates: readonly RefundStatus[] = ["REQUESTED", "PROCESSED", "FAILED"];

/** An order of 10.00 EUR in a state, consistent with it. */
export function orderIn(status: OrderStatus, rest: Partial<OrderFacts> = {}): OrderFacts {
  const settled = status === "PAID" || status === "FAILED" || status === "CANCELLED";
  return {
    id: 7,
    customerId: 3,
    status,
    failureReason: status === "FAILED" ? "payment_declined" : null,
    currency: "EUR",
    totalCents: 1_000,
    refundedCents: 0,
    settledAt: settled ? "2025-03-01 12:00:00.000000" : null,
    ...rest,
  };
}
