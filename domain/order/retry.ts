/**
 * Decides whether an order that ran short can be taken up again.
 *
 * @module
 */

import { type FailureReason, type OrderStatus, retriedReason } from "./order.ts";

/** What is known of an order that is to be taken up again. */
export interface RetryFacts {
  /** Where it stands. */
  status: OrderStatus;
  /** Null unless it is `FAILED`. */
  failureReason: FailureReason | null;
  /** True where it waits for stock. */
  isBackordered: boolean;
  /** True where it was taken up again before. */
  wasRetried: boolean;
  /** True where money that was paid for it is on its way back or gone. */
  givesMoneyBack: boolean;
  /** True where its customer was erased. */
  isErased: boolean;
}

/** What asking for it does. A repeated request is an outcome too. */
export type RetryDecision =
  /** Become `PENDING` again. */
  | { kind: "retry" }
  /** Was taken up before, and has not failed since. */
  | { kind: "already_retried" }
  /** It can't be; the words follow "Cannot retry order 42: ". */
  | { kind: "refused"; because: string };

const reasons: Readonly<Record<FailureReason, string>> = {
  insufficient_stock: "it ran short of stock",
  payment_declined: "its payment was declined",
  payment_timeout: "its payment did not come in time",
};

/** Decides whether an order can be taken up again. */
export function decideRetry(
  { status, failureReason, isBackordered, wasRetried, givesMoneyBack, isErased }: RetryFacts,
): RetryDecision {
  if (status !== "FAILED") {
    if (wasRetried && status !== "CANCELLED") return { kind: "already_retried" };
    const because = isBackordered
      ? "it waits for stock, and goes on by itself once there is enough"
      : `it is ${status}, and only what ran short of stock can be`;
    return { kind: "refused", because };
  }
  if (failureReason !== retriedReason) {
    const because = failureReason === null ? "nobody knows why it failed" : reasons[failureReason];
    return { kind: "refused", because: `${because}, and only what ran short of stock can be` };
  }
  if (givesMoneyBack) {
    return { kind: "refused", because: "the money that was paid for it goes back, or went back" };
  }
  if (isErased) {
    return {
      kind: "refused",
      because: "its customer's data were erased: nobody knows who wants it",
    };
  }
  return { kind: "retry" };
}
