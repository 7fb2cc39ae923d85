/**
 * Refunds that their provider takes back after it has made them.
 *
 * @module
 */

import type { RefundStatus } from "../order/order.ts";
import type { HandState } from "./by_hand.ts";

/** A refund as its locked row says. */
export interface ReturnFacts {
  /** As it stands. */
  status: RefundStatus;
  /** Its provider took it back before. */
  isReturned: boolean;
  /** What a person did, where one gave it back. */
  byHand?: HandState;
  /** It was recorded from its provider's books, which have it as given back. */
  isRecorded: boolean;
}

/** What becomes of the word that a provider took a refund back. */
export type ReturnDecision =
  /** Its money is owed again. */
  | { kind: "return" }
  /** It was said before. */
  | { kind: "already_returned" }
  /** Nothing was booked of it yet: its own message will hear the same when it asks. */
  | { kind: "too_early" }
  /** It came to nothing here as well. */
  | { kind: "never_made" }
  /** A person has given the money back: the customer has it. */
  | { kind: "given_by_hand" };

/** Decides what becomes of a provider's word that it took a refund back. */
export function decideReturn(facts: ReturnFacts): ReturnDecision {
  const { status, isReturned, byHand, isRecorded } = facts;
  if (isReturned) return { kind: "already_returned" };
  if (status === "REQUESTED") return { kind: "too_early" };
  if (status === "FAILED") return { kind: "never_made" };
  if (byHand === "given_back" && !isRecorded) return { kind: "given_by_hand" };
  return { kind: "return" };
}

/** A payment that was to go back whole, as its locked row says. */
export interface ReversalFacts {
  /** As in `payments.status`. */
  status: string;
  /** In minor units of its currency. */
  amountCents: number;
  /** Its provider took back before that it went back. */
  isReturned: boolean;
  /** A person gave it back. */
  isByHand: boolean;
  /** What chargebacks that were lost have taken of it. */
  lostCents: number;
  /** What of its giving back was one of these. */
  gaveBackCents: number;
}

/** What becomes of the word that a provider took back what it had given back of a whole payment. */
export type ReversalReturnDecision =
  | ReturnDecision
  /** The customer's bank has taken it besides: it went back once, by that. */
  | { kind: "charged_back" };

/** Decides what becomes of a provider's word that it took back what it had given back of a whole payment. */
export function decideReversalReturn(facts: ReversalFacts): ReversalReturnDecision {
  const { status, amountCents, isReturned, isByHand, lostCents, gaveBackCents } = facts;
  if (isReturned) return { kind: "already_returned" };
  if (status === "REVERSING") return { kind: "too_early" };
  // What a chargeback gave back its provider never has.
  if (status !== "REVERSED" || gaveBackCents > 0) return { kind: "never_made" };
  if (isByHand) return { kind: "given_by_hand" };
  return { kind: lostCents >= amountCents ? "charged_back" : "return" };
}

/** A refund that was made directly at a provider, to mend a discrepancy, as the discrepancy's locked row says. */
export interface MendFacts {
  /** As it stands. */
  state: "open" | "explained" | "mended";
  /** It is being asked for, or about to be. */
  isUnderWay: boolean;
  /** Its provider took it back before. */
  isReturned: boolean;
}

/** Decides what becomes of a provider's word that it took such a refund back. */
export function decideMendReturn(
  { state, isUnderWay, isReturned }: MendFacts,
): ReturnDecision {
  if (isReturned) return { kind: "already_returned" };
  // It is still asked for, and its provider will say the same then.
  if (state === "open" && isUnderWay) return { kind: "too_early" };
  return { kind: state === "mended" ? "return" : "never_made" };
}

/**
 * What of a payment that waits for a person is to be given back, in minor units: not what the customer's bank has taken; and of one
 * that is over, what chargebacks gave back and are lost no more.
 */
export function owedCents(
  { status, amountCents, lostCents, gaveBackCents }: Pick<
    ReversalFacts,
    "status" | "amountCents" | "lostCents" | "gaveBackCents"
  >,
): number {
  const isOver = status === "REVERSED" || status === "DISMISSED";
  return (isOver ? gaveBackCents : amountCents) - lostCents;
}
