/**
 * What people call the reasons for which orders fail.
 *
 * @module
 */

import type { FailureReason } from "../../domain/order/order.ts";

/** Each reason in words. */
export const failureNames: Readonly<Record<FailureReason, string>> = {
  insufficient_stock: "Not enough stock",
  payment_declined: "The payment was declined",
  payment_timeout: "The provider gave no answer in time",
};
