/**
 * Decides whether money that is held for an order may be taken.
 *
 * @module
 */

import type { OrderFacts } from "./order.ts";

/** What is known of the money that a provider holds for an order, as it is now. */
export interface HeldFacts {
  /** It is held until it is taken or let go. */
  status: "HELD" | "CAPTURED" | "RELEASED";
  /** Somebody asked for its capture before. */
  isRequested: boolean;
}

/** What becomes of a request to take it. */
export type CaptureDecision =
  /** Have it taken. */
  | { kind: "capture" }
  /** It was asked for before, or taken. */
  | { kind: "already_requested" }
  /** An order is paid by one payment of its total: another amount needs another total first. */
  | { kind: "other_amount" }
  | { kind: "refused"; why: string };

/**
 * Decides about a request to take what is held for an order.
 *
 * @param order as its locked row says
 * @param held under the order's own key; null for nothing
 * @param amountCents what is to be taken; null for all
 */
export function decideCapture(
  order: Pick<OrderFacts, "status" | "totalCents">,
  held: HeldFacts | null,
  amountCents: number | null,
): CaptureDecision {
  const { status, totalCents } = order;
  if (status !== "RESERVED" && (status !== "PAID" || held === null)) {
    return { kind: "refused", why: `it is ${status}` };
  }
  if (held === null) return { kind: "refused", why: "no money is held for it" };
  if (held.status === "RELEASED") return { kind: "refused", why: "its money was let go" };
  if (amountCents !== null && amountCents !== totalCents) return { kind: "other_amount" };
  if (status === "PAID" || held.isRequested) return { kind: "already_requested" };
  return { kind: "capture" };
}
