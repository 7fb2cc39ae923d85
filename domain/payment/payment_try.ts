/**
 * One try to move money, as it is kept.
 *
 * @module
 */

/**
 * What came of a try. `later` got no answer, or one that means to try again; `never` is refused as it was asked for;
 * `needs_customer` waits for the customer; `denied` serves nobody at the moment; `unclear` answered what can't be used.
 */
export const tryOutcomes = [
  "succeeded",
  "authorized",
  "pending",
  "needs_customer",
  "declined",
  "later",
  "never",
  "denied",
  "unclear",
] as const;

/** One of {@linkcode tryOutcomes}. */
export type TryOutcome = typeof tryOutcomes[number];

/** What was tried: `look_up` only asked, `callback` is what the provider said by itself. */
export const tryKinds = ["charge", "capture", "refund", "look_up", "callback"] as const;

/** One of {@linkcode tryKinds}. */
export type TryKind = typeof tryKinds[number];

/** One try, and the provider's answer to it. */
export interface PaymentTry {
  /** What was tried. */
  kind: TryKind;
  /** What came of it. */
  outcome: TryOutcome;
  /** The provider's own name for the charge or refund; null where it gave none. */
  providerRef: string | null;
  /** The provider's words, or why there are none; null for nothing to add. */
  says: string | null;
}
