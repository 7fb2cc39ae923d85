/**
 * The life of an order and of a refund, as one table each.
 *
 * @module
 */

/** Where an order stands. */
export type OrderStatus = "PENDING" | "RESERVED" | "PAID" | "FAILED" | "CANCELLED";

/** Why an order failed. */
export type FailureReason = "insufficient_stock" | "payment_declined" | "payment_timeout";

/** What can happen to an order. */
export type OrderEvent = "reserve" | "run_short" | "pay" | "decline" | "time_out" | "cancel";

/** Stands in `payments.provider` of an order that costs nothing: no provider was asked, and none ever is. */
export const noProvider = "none";

/** Where a refund stands. */
export type RefundStatus = "REQUESTED" | "PROCESSED" | "FAILED";

/** What can happen to a refund. */
export type RefundEvent = "process" | "refuse";

/** Every transition there is; what is not here is refused. */
export const orderTransitions: Readonly<
  Record<OrderStatus, Partial<Record<OrderEvent, OrderStatus>>>
> = {
  PENDING: { reserve: "RESERVED", run_short: "FAILED", cancel: "CANCELLED" },
  RESERVED: { pay: "PAID", decline: "FAILED", time_out: "FAILED", cancel: "CANCELLED" },
  PAID: {},
  FAILED: {},
  CANCELLED: {},
};

/** Every transition of a refund; what is not here is refused. */
export const refundTransitions: Readonly<
  Record<RefundStatus, Partial<Record<RefundEvent, RefundStatus>>>
> = {
  REQUESTED: { process: "PROCESSED", refuse: "FAILED" },
  PROCESSED: {},
  FAILED: {},
};

/** True once nothing more happens to the order by itself. */
export function isSettled(status: OrderStatus): boolean {
  return Object.keys(orderTransitions[status]).length === 0;
}

/** An order as its row says, without its items. */
export interface OrderFacts {
  /** Database id. */
  id: number;
  /** Database id of the customer. */
  customerId: number;
  /** Where it stands. */
  status: OrderStatus;
  /** Null unless it is `FAILED`. */
  failureReason: FailureReason | null;
  /** ISO 4217, upper case. */
  currency: string;
  /** Sum of its items. */
  totalCents: number;
  /** What went back so far, at most the total. */
  refundedCents: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS.ffffff`; null until settled. */
  settledAt: string | null;
}

/** Units of one product that an order asks for, all of its items of that product taken together. */
export interface ItemNeed {
  /** Database id of the product. */
  productId: number;
  /** Units, at least 1. */
  qty: number;
}
