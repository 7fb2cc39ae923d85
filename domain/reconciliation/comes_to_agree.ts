/**
 * Decides whether reports have come to agree about what one of them told otherwise.
 *
 * @module
 */

import { type DiscrepancyKind, toldGrossCents } from "./discrepancy.ts";
import type { CustomerSide, KindOfNoOrder } from "./provider_line.ts";

/** Kinds of discrepancies that are about what one report tells and another one has told, or about one report's own sums. */
export const kindsOfTelling = [
  "amount_differs",
  "currency_differs",
  "fee_differs",
  "category_differs",
  "category_unknown",
] as const satisfies readonly DiscrepancyKind[];

/** Such a discrepancy. */
export interface DifferentTelling {
  /** Others than {@linkcode kindsOfTelling} come to agree by nothing. */
  kind: DiscrepancyKind;
  /** The report that told otherwise; later ones have higher numbers. */
  reconciliationId: number;
  /** Null where it is about something of ours. */
  part: string | null;
  /** What it told, in minor units of `settledCurrency`; null for nothing. */
  theirGrossCents: number | null;
  /** See above. */
  theirFeeCents: number | null;
  /** See above. */
  theirNetCents: number | null;
  /** Of the customer's money, in minor units of `theirCurrency`. */
  theirCents: number | null;
  /** ISO 4217; null for nothing. */
  theirCurrency: string | null;
  /** ISO 4217; null for nothing. */
  settledCurrency: string | null;
  /** What we have, in minor units; null for nothing. */
  ourCents: number | null;
  /** ISO 4217; null for nothing. */
  ourCurrency: string | null;
}

/** The movement that is kept by now. */
export interface KeptMovement {
  /** What moved. */
  kind: string;
  /** How the balance changed by it, in minor units. */
  grossCents: number;
  /** What the provider kept of it, in minor units. */
  feeCents: number;
  /** What came out, in minor units. */
  netCents: number;
  /** Of gross, fee and net, ISO 4217. */
  currency: string;
  /** What the customer paid or got back of what was converted; null where nothing was. */
  customer: CustomerSide | null;
  /** The latest report that has told the very same, or that it is of. */
  lastTold: number;
}

/**
 * Whether nothing is left to differ in: what this report told is what is kept, or a later report has told just what is kept; and it
 * adds up, and is what we have.
 *
 * @param kept by the same name, of whichever kind; none where nobody tells of it any more
 */
export function comesToAgree(told: DifferentTelling, kept: readonly KeptMovement[]): boolean {
  const [first] = kept;
  if (first === undefined) return false;
  if (told.kind === "category_unknown") {
    return kept.every(({ kind }) => kind !== ("other" satisfies KindOfNoOrder));
  }
  const isConfirmed = first.lastTold > told.reconciliationId;
  if (told.kind === "category_differs") return isConfirmed;
  const netCents = first.grossCents - first.feeCents;
  const isKept = first.grossCents === toldGrossCents(told) &&
    first.feeCents === (told.theirFeeCents ?? 0) && netCents === (told.theirNetCents ?? netCents) &&
    first.currency === (told.settledCurrency ?? first.currency) &&
    (first.customer === null || (Math.abs(first.customer.cents) === told.theirCents &&
      first.customer.currency === told.theirCurrency));
  if (!isKept && !isConfirmed) return false;
  if (first.netCents !== netCents) return false;
  if (told.kind === "fee_differs" || told.part !== null) return true;
  const { cents, currency } = first.customer ??
    { cents: first.grossCents, currency: first.currency };
  return currency === told.ourCurrency && Math.abs(cents) === told.ourCents;
}
