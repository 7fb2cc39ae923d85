/**
 * Decides how much of a payment may go back. A request already counts against what is left, so two
 * requests at once can never return too much.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import { namedAmount } from "../money.ts";
import type { OrderStatus, RefundStatus } from "../order/order.ts";
import type { ChargedBack } from "../payment/chargeback.ts";
import type { HandState } from "./by_hand.ts";

/** A refund of the order, as far as the sums need it. */
export interface RefundFacts {
  /** Database id; lower ones were requested earlier. */
  id: number;
  /** At least 1. */
  amountCents: number;
  /** As its row says. */
  status: RefundStatus;
  /** True where it says which parts of the order it is for. */
  itemized?: boolean;
  /** Where a person gives it back and no provider: what that person did so far. */
  byHand?: HandState;
  /** Why a person refused it. */
  refusal?: string;
}

/** What becomes of a request for a refund. */
export type RefundRequestDecision =
  | { kind: "accept"; amountCents: number }
  | {
    kind: "refused";
    because: "not_positive" | "not_paid" | "contested" | "nothing_left" | "exceeds_left";
    leftCents: number;
  };

/**
 * Decides whether a request is accepted, and for how much. Money that the customer contests at the bank is refused until that is
 * decided, as providers do, and what is lost there is not left: nobody is paid twice.
 *
 * @param order status and total of the locked order, and what chargebacks take of it
 * @param others every refund of the order
 * @param amountCents what is asked for; null means all that is left
 */
export function decideRefundRequest(
  order: { status: OrderStatus; totalCents: number; chargedBack?: ChargedBack },
  others: readonly RefundFacts[],
  amountCents: number | null,
): RefundRequestDecision {
  if (order.status !== "PAID") return { kind: "refused", because: "not_paid", leftCents: 0 };
  if (order.chargedBack?.isHeld) return { kind: "refused", because: "contested", leftCents: 0 };
  const leftCents = order.totalCents - claimedCents(others) - (order.chargedBack?.lostCents ?? 0);
  if (amountCents === null) {
    return leftCents > 0
      ? { kind: "accept", amountCents: leftCents }
      : { kind: "refused", because: "nothing_left", leftCents };
  }
  if (amountCents < 1) return { kind: "refused", because: "not_positive", leftCents };
  if (amountCents > leftCents) return { kind: "refused", because: "exceeds_left", leftCents };
  return { kind: "accept", amountCents };
}

/** A refusal in one sentence. */
export function refusedRefund(
  order: { id: number; status: OrderStatus; currency: string },
  amountCents: number | null,
  { because, leftCents }: { because: string; leftCents: number },
): WorkflowError {
  const start = `Cannot refund order ${order.id}`;
  const money = (minor: number) => namedAmount(minor, order.currency);
  if (because === "not_positive") {
    return new WorkflowError("invalid", `${start}: ${amountCents} is no amount`);
  }
  if (because === "exceeds_left") {
    return new WorkflowError(
      "refund_exceeds_left",
      `${start}: ${money(amountCents!)} exceed the ${money(Math.max(0, leftCents))} that are left`,
    );
  }
  return new WorkflowError(
    "order_not_refundable",
    because === "contested"
      ? `${start}: its customer contests the charge at the bank, and would be paid twice; wait until that is decided`
      : because === "not_paid"
      ? `${start}: it is ${order.status}, and only PAID orders can be refunded`
      : `${start}: nothing is left to refund`,
  );
}

/** What becomes of an accepted refund when its message is handled. */
export type RefundDecision =
  /** The gateway gave the money back: count it. */
  | { kind: "process" }
  /** It can't be given back; the refund ends as `FAILED`, `isChargedBack` unless its provider has made it before. */
  | { kind: "refuse"; because: string; isChargedBack?: true }
  /** A person has to give it back, and has not said so yet. */
  | { kind: "by_hand" }
  /** Was processed before: repeat what follows from it. */
  | { kind: "already_processed" }
  /** Was refused before: repeat what follows from it. */
  | { kind: "already_failed" };

/**
 * Decides how an accepted refund ends. Where the database holds more than was paid, earlier requests win.
 *
 * @param order status, total and currency of the order, and what chargebacks take of it
 * @param refund the one to handle
 * @param others every other refund of the order
 */
export function decideRefund(
  order: {
    status: OrderStatus;
    totalCents: number;
    currency: string;
    chargedBack?: ChargedBack;
  },
  refund: RefundFacts,
  others: readonly RefundFacts[],
): RefundDecision {
  if (refund.status === "PROCESSED") return { kind: "already_processed" };
  if (refund.status === "FAILED") return { kind: "already_failed" };
  if (refund.byHand === "waiting") return { kind: "by_hand" };
  if (refund.byHand === "refused") return { kind: "refuse", because: refund.refusal ?? "refused" };
  if (order.status !== "PAID") {
    return { kind: "refuse", because: `the order is ${order.status}, not PAID` };
  }
  const leftCents = order.totalCents -
    claimedCents(others.filter((other) => other.id < refund.id)) -
    claimedCents(others.filter((other) => other.id > refund.id && other.status === "PROCESSED"));
  if (refund.amountCents > leftCents) {
    const left = namedAmount(leftCents, order.currency);
    return { kind: "refuse", because: `only ${left} are left to refund` };
  }
  // What a person has given back is gone.
  if (order.chargedBack === undefined || refund.byHand === "given_back") return { kind: "process" };
  const { isHeld, lostCents } = order.chargedBack;
  if (isHeld) {
    const because = "the customer contests the charge at the bank";
    return { kind: "refuse", because, isChargedBack: true };
  }
  if (refund.amountCents > leftCents - lostCents) {
    const lost = namedAmount(lostCents, order.currency);
    return { kind: "refuse", because: `${lost} are charged back`, isChargedBack: true };
  }
  return { kind: "process" };
}

/** What requested and processed refunds take from a payment together. */
function claimedCents(refunds: readonly RefundFacts[]): number {
  return refunds.reduce(
    (sum, refund) => refund.status === "FAILED" ? sum : sum + refund.amountCents,
    0,
  );
}
