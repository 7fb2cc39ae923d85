/**
 * Decides what an order that comes in means to the books.
 *
 * @module
 */

import type { OrderStatus } from "./order.ts";

/** What becomes of an order that comes in. */
export type IntakeOutcome =
  /** It was not known. */
  | "new"
  /** It was known, not begun yet, and takes the new content. */
  | "updated"
  /** It is known with the same content. */
  | "unchanged"
  /** It is known with another content and must not be changed any more. */
  | "conflict";

/**
 * Decides what becomes of an order that comes in.
 *
 * @param known what the books say of the order; undefined if they don't know it
 * @param sameContent whether it is known with the content that comes in
 * @param onPendingChange what another content of an order that is still `PENDING` means
 */
export function decideIntake(
  known: { status: OrderStatus } | undefined,
  sameContent: boolean,
  onPendingChange: "update" | "conflict",
): IntakeOutcome {
  if (known === undefined) return "new";
  if (sameContent) return "unchanged";
  if (known.status !== "PENDING" || onPendingChange === "conflict") return "conflict";
  return "updated";
}
