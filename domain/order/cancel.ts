/**
 * Decides whether an order can still be cancelled.
 *
 * @module
 */

import { type OrderStatus, orderTransitions } from "./order.ts";

/** What a cancellation does. */
export type CancelDecision =
  /** Become `CANCELLED`; give the units back if there are any. */
  | { kind: "cancel"; restocks: boolean }
  /** Was cancelled before. */
  | { kind: "already_cancelled" }
  /** Too late. */
  | { kind: "refused"; because: "settled" };

/**
 * Decides what a cancellation does to an order.
 *
 * @param status of the locked order
 */
export function decideCancel(status: OrderStatus): CancelDecision {
  if (status === "CANCELLED") return { kind: "already_cancelled" };
  if (orderTransitions[status].cancel === undefined) return { kind: "refused", because: "settled" };
  return { kind: "cancel", restocks: status === "RESERVED" };
}
