/**
 * Money that went back twice: by hand and by its provider at the same moment, or by a chargeback and otherwise as well.
 *
 * @module
 */

/** How it came out, and what that is called where somebody reads of it. */
export const givenTwiceEnds = {
  returned: "one of both came back",
  written_off: "it is written off",
  only_once: "it went back only once",
} as const;

/** See {@linkcode givenTwiceEnds}. */
export type GivenTwiceEnd = keyof typeof givenTwiceEnds;

/** All ends, for forms and schemas. */
export const givenTwiceEndNames = Object.keys(givenTwiceEnds) as [
  GivenTwiceEnd,
  ...GivenTwiceEnd[],
];

/** What went back of a payment by now, in minor units of its currency. */
export interface WentBack {
  /** What was paid. */
  paidCents: number;
  /** By refunds, or whole. */
  givenBackCents: number;
  /** By chargebacks that were lost, by none of them more than was paid. */
  lostCents: number;
}

/** What went back of a payment twice: whatever is more than was paid. */
export function twiceCents({ paidCents, givenBackCents, lostCents }: WentBack): number {
  return Math.max(0, givenBackCents + lostCents - paidCents);
}

/** What is on record of money that went back twice. */
export interface KnownTwice {
  /** In minor units; 0 where it did not in the end. */
  amountCents: number;
  /** How it came out; null while nobody has said so. */
  endedAs: GivenTwiceEnd | null;
}

/**
 * What is to be on record of it, now that it comes to so much. More than there was is for a person again, whatever was said of less;
 * of nothing, one of both came back by itself.
 *
 * @returns undefined where that is on record
 */
export function twiceAfter(known: KnownTwice | null, cents: number): KnownTwice | undefined {
  const before = known?.amountCents ?? 0;
  if (cents === before) return undefined;
  if (cents === 0) return { amountCents: 0, endedAs: "returned" };
  return { amountCents: cents, endedAs: cents > before ? null : known!.endedAs };
}
