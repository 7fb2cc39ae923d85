/**
 * How the simulated payment provider behaves, and what it knows of a charge.
 *
 * @module
 */

import { hash as digestOf } from "node:crypto";

/** How the provider behaves. Percentages are of charges, or of refunds too; their keys tell of which of them. */
export interface ProviderOptions {
  /** Where callbacks go; undefined for none. */
  callbackUrl: string | undefined;
  /** Signs them; `whsec_` and base64. */
  secret: string;
  /** Wants this bearer token; empty for none. */
  token: string;
  /** Milliseconds until a charge is decided. */
  delayMs: number;
  /** Milliseconds until a callback that was not taken is sent again, doubling. */
  resendMs: number;
  /** Percent, of refunds too, that are answered 503 at the first try, before any money moves. */
  errors: number;
  /** Percent, of refunds too, whose first try is never answered, although the money moves. */
  timeOuts: number;
  /** Percent whose callback comes twice. */
  duplicates: number;
  /** Percent whose callback comes before the answer to the charge. */
  early: number;
  /** Percent whose callback never comes. */
  silent: number;
  /** Percent of which somebody without the secret claims the opposite first. */
  lies: number;
  /** Percent of which the provider itself, well signed, claims first that it took a cent more. */
  wrongAmounts: number;
  /** Percent of which it really takes a cent more. */
  overcharges: number;
  /** Percent that are refused with 422, as an amount that is too small. */
  refusals: number;
}

/** A charge as the provider has it. */
export interface ProviderCharge {
  /** The provider's name for it. */
  id: string;
  /** Under which it was asked for. */
  key: string;
  /** What the service calls its row of the order; other orders may have been called so before. */
  orderId: number;
  /** The shop's id of the order; null where it was not told. */
  reference: string | null;
  /** What was asked for, in minor units of the currency. */
  askedCents: number;
  /** What it takes, in minor units of the currency. */
  amountCents: number;
  currency: string;
  /** `pending` until it is decided. */
  status: "pending" | "succeeded" | "declined";
  /** What went back of it, in minor units. */
  refundedCents: number;
  /** When it was decided; null before. */
  decidedAt: Date | null;
}

/** A refund that the provider has made. */
export interface MadeRefund {
  id: string;
  key: string;
  charge: ProviderCharge;
  amountCents: number;
  madeAt: Date;
}

/** Whose hand a callback is from, and what it says. */
export type CallbackKind = "true" | "forged" | "wrong amount";

/** A callback that was answered. */
export interface Delivery {
  kind: CallbackKind;
  status: number;
}

/**
 * Whether something happens to a charge or refund: always the same for a key, and to so many percent of them.
 */
export function happens(what: string, key: string, percent: number): boolean {
  return parseInt(digestOf("sha256", `${what} ${key}`, "hex").slice(0, 8), 16) % 100 < percent;
}
