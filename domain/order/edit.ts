/**
 * Decides whether an order's source may still change it, and what that means for its charge and its units.
 *
 * @module
 */

import { type FailureReason, type ItemNeed, type OrderStatus, retriedReason } from "./order.ts";
import { changesPaid, paidAtSourceText, type Payable } from "./source_payment.ts";

/** What an edit is decided by. */
export interface EditFacts {
  /** Of the locked order. */
  status: OrderStatus;
  /** Null unless it is `FAILED`. */
  failureReason: FailureReason | null;
  /** Money of it waits for a person's decision. */
  isDisputed: boolean;
  /** A process of the version before may charge it, under a key that nobody else would look for. */
  isOlders: boolean;
  /** As it is in the database. */
  before: Payable;
  /** As its source says it now. */
  after: Payable;
  /** False where it says nothing new. */
  differs: boolean;
  /** It is to be paid with something else than was said before. */
  paysOtherwise?: boolean;
  /** Somebody asked for the money to be taken that is held for it. */
  isCaptureAsked?: boolean;
}

/** Why an order can't be edited. */
export type EditRefusal =
  | "paid"
  | "failed"
  | "short"
  | "cancelled"
  | "disputed"
  | "paid_at_source"
  | "charged"
  | "capture_asked"
  | "older";

/** What becomes of an edit. */
export type EditDecision =
  /** The order says this already. */
  | { kind: "unchanged" }
  /** Nothing was reserved or charged yet: take the new content, and reserve its stock. */
  | { kind: "replace" }
  /** The same is to be paid as before, so the charge stays: take the new content, and move the units that differ. */
  | { kind: "keep_charge" }
  /** Something else is to be paid, or with something else: besides, whatever comes of the charge so far goes back, and it is charged anew. */
  | { kind: "charge_anew" }
  | { kind: "refused"; because: EditRefusal };

/**
 * Decides what an edit does. An order that is settled is not changed any more: what was paid too much is refunded by
 * lines, and what comes on top is another order.
 */
export function decideEdit(facts: EditFacts): EditDecision {
  const { status, before, after } = facts;
  if (!facts.differs) return { kind: "unchanged" };
  const costsSame = before.totalCents === after.totalCents && before.currency === after.currency;
  const isPaidSame = before.paidBy === after.paidBy;
  switch (status) {
    case "PAID":
      return { kind: "refused", because: "paid" };
    case "FAILED":
      return {
        kind: "refused",
        because: facts.failureReason === retriedReason ? "short" : "failed",
      };
    case "CANCELLED":
      return { kind: "refused", because: "cancelled" };
    case "PENDING":
    case "RESERVED":
      if (facts.isDisputed) return { kind: "refused", because: "disputed" };
      if (changesPaid(before, after)) {
        return { kind: "refused", because: "paid_at_source" };
      }
      if (status === "PENDING") return { kind: "replace" };
      if (!isPaidSame) return { kind: "refused", because: "charged" };
      if (costsSame && !facts.paysOtherwise) return { kind: "keep_charge" };
      // The request is for what is held now; what would be held instead nobody asked to be taken.
      if (facts.isCaptureAsked) return { kind: "refused", because: "capture_asked" };
      return facts.isOlders ? { kind: "refused", because: "older" } : { kind: "charge_anew" };
  }
}

/** Why an order can't be edited, and what can be done instead, for people. */
export function refusalText(because: EditRefusal, orderId: number): string {
  switch (because) {
    case "paid":
      return "it is PAID already; refund what is too much by its lines " +
        `with POST /orders/${orderId}/refunds, and place what comes on top as an order of its own`;
    case "failed":
      return "it is FAILED already; place it as a new order";
    case "short":
      return `it ran short of stock and is FAILED; take it up again as it is with POST /orders/${orderId}/retry, ` +
        "or place it as a new order";
    case "cancelled":
      return "it is CANCELLED already; place it as a new order";
    case "disputed":
      return "its payment is in dispute; decide about that first";
    case "paid_at_source":
      return paidAtSourceText;
    case "charged":
      return "it is being charged, so a payment that was made elsewhere can't take the place of that; cancel it " +
        "and place a new order";
    case "capture_asked":
      return "its money is being taken, as was asked for; refund what is too much once it is PAID, or cancel it " +
        "and place a new order";
    case "older":
      return "a process of the version before may be charging it; cancel it and place a new order";
  }
}

/** A product of which an edit needs more units than there are. */
export interface Shortfall {
  /** Database id. */
  productId: number;
  /** Units that are needed on top of those that the order has reserved. */
  moreQty: number;
  /** Units that are left. */
  leftQty: number;
}

/**
 * Moves the units by which two contents of a reserved order differ: all of them, or none where some are short.
 *
 * @param before what is reserved, one entry a product
 * @param after what is to be reserved, one entry a product
 * @param stock units left by product id, of all products that differ; **changed in place** unless some are short
 * @returns the products that are short, in the order of their ids
 */
export function moveUnits(
  before: readonly ItemNeed[],
  after: readonly ItemNeed[],
  stock: Map<number, number>,
): Shortfall[] {
  const differences = unitDifferences(before, after);
  const short = [...differences].flatMap(([productId, moreQty]): Shortfall[] => {
    const leftQty = stock.get(productId) ?? 0;
    return moreQty > leftQty ? [{ productId, moreQty, leftQty }] : [];
  });
  if (short.length > 0) return short;
  for (const [productId, moreQty] of differences) {
    stock.set(productId, (stock.get(productId) ?? 0) - moreQty);
  }
  return [];
}

/** By how many units two contents differ, by product id in the order of ids; those that don't differ are absent. */
export function unitDifferences(
  before: readonly ItemNeed[],
  after: readonly ItemNeed[],
): Map<number, number> {
  const differences = new Map<number, number>();
  for (const { productId, qty } of after) {
    differences.set(productId, (differences.get(productId) ?? 0) + qty);
  }
  for (const { productId, qty } of before) {
    differences.set(productId, (differences.get(productId) ?? 0) - qty);
  }
  return new Map([...differences].filter(([, qty]) => qty !== 0).sort(([a], [b]) => a - b));
}
