/**
 * Money that no configured provider can give back, so that a person does.
 *
 * @module
 */

import type { RefundStatus } from "../order/order.ts";

/** How far a refund by hand is, in the order of what stands in `refunds.by_hand` from 1 on. */
export const handStates = ["waiting", "given_back", "refused"] as const;

/** One of {@linkcode handStates}. */
export type HandState = typeof handStates[number];

/** What a person says about a refund by hand. */
export type HandVerdict = Exclude<HandState, "waiting">;

/** What a verdict does. */
export type HandDecision =
  /** Write it down. */
  | { kind: "decide" }
  /** The same was said before. */
  | { kind: "already_decided" }
  /** It can't be said. */
  | { kind: "refused"; because: string };

/**
 * Decides whether a person can say of a refund that it was given back, or that it is refused.
 *
 * @param refund as its locked row says; `byHand` is undefined for one that goes through its provider
 */
export function decideByHand(
  refund: { status: RefundStatus; byHand?: HandState },
  verdict: HandVerdict,
): HandDecision {
  const { status, byHand } = refund;
  if (byHand === undefined) {
    return {
      kind: "refused",
      because: status === "REQUESTED"
        ? "it goes back through its provider"
        : `it is ${status} already, through its provider`,
    };
  }
  if (byHand === verdict) return { kind: "already_decided" };
  if (byHand === "waiting" && status === "REQUESTED") return { kind: "decide" };
  return {
    kind: "refused",
    because: byHand === "refused" ? "it was refused by hand" : "it was given back by hand",
  };
}
