/**
 * Decides what a line of a provider's books is to ours.
 *
 * @module
 */

import type { DiscrepancyKind } from "./discrepancy.ts";
import {
  type CustomerSide,
  customerSideOf,
  isOfNoOrder,
  type KindOfNoOrder,
  type LineKind,
  type ProviderLine,
} from "./provider_line.ts";

/** A movement that is on record already. */
export interface KnownMovement {
  /** Digest of the report's id of its line; null where the provider's list said it. */
  entry: string | null;
  /** What moved, with its sign, in minor units of `currency`. */
  grossCents: number;
  /** What the provider kept of it, in minor units. */
  feeCents: number;
  /** What the provider says came out of both. */
  netCents: number;
  /** That it was settled in, ISO 4217. */
  currency: string;
  /** What the customer paid or got back of what was converted; null where nothing was, or no report has said. */
  customer: CustomerSide | null;
  /** When it happened, UTC; left out of what the same batch tells. */
  at?: string;
  /** The report whose it is; null for one before reports were noted, left out of what the same batch tells. */
  reconciliationId?: number | null;
}

/** A movement that is on record of nothing of ours. */
export interface UnattributedMovement extends KnownMovement {
  /** As what it was told. */
  kind: LineKind;
}

/** Money of ours that a line may be of. */
export interface OurMoney {
  /** Of the payment or refund. */
  id: number;
  /** Database id of the order. */
  orderId: number;
  /** In minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** When it was taken or given back, UTC; null where it was not, or where nobody knows. */
  at: string | null;
  /** Whether it was taken, or is given back; a charge that was declined was not. */
  moved: boolean;
  /** What a report said of it before; null for nothing. */
  movement: KnownMovement | null;
}

/** What is known here of a line. */
export interface LineFacts {
  /** Of a charge its payment, of a refund the refund or reversal that has its key, or its amount; null where none is. */
  ours: OurMoney | null;
  /** The order behind it, by its payment, its key or its reference; null where none is known. */
  orderId: number | null;
  /** False where its key says that another installation asked for it. */
  isOurs: boolean;
  /** The order has other money on record that paid for it. */
  isPaidOtherwise: boolean;
  /** What was kept of it before, when nothing was known that it is of; null for nothing. */
  unattributed: UnattributedMovement | null;
}

/** What a line can differ in from the money of ours that it is of. */
export const differences = [
  "currency_differs",
  "amount_differs",
  "fee_differs",
  "late",
] as const satisfies readonly DiscrepancyKind[];

/** One of {@linkcode differences}. */
export type Difference = typeof differences[number];

/** What becomes of a line. */
export type LineDecision =
  /** It says what we have: keep it as the movement of ours. */
  | { kind: "agrees" }
  /** It was told before. */
  | { kind: "known" }
  /** The provider's list told of it before, and now a report does, maybe of other money than ours: take its fee. */
  | { kind: "adopt"; because?: Difference }
  /**
   * It was told before with a net that its gross and fee do not come to, and now with one that they do, or without what the
   * customer paid, and now with it: take that. What it says now may be of other money than ours.
   */
  | { kind: "corrects"; because?: Difference }
  /** It was told before, and other than now: what was kept of it stays. */
  | { kind: "changed"; because: Difference | "category_differs" }
  /** It is of ours, and says something else. */
  | { kind: "differs"; because: Difference }
  /** It is of nothing that we have. */
  | { kind: "unattributed"; because: DiscrepancyKind }
  /** It is of no order, and known what it is: fees, payouts and the like; it may not add up. */
  | { kind: "no_order"; because?: "fee_differs" };

/** A kind of lines that are of an order. */
type KindOfAnOrder = Exclude<LineKind, KindOfNoOrder>;

/** Seconds that the two days may be apart. */
export interface LineRules {
  /** Beyond which it is late. */
  lateSeconds: number;
}

/** The rules where so many days may lie between a payment and the day that a report has it on, which lasts until its end. */
export function lineRules(graceDays: number): LineRules {
  return { lateSeconds: (graceDays + 1) * 86_400 };
}

/**
 * Decides about one line.
 *
 * @param entry digest of the line's own id; null where it has none
 */
export function decideLine(
  line: ProviderLine,
  entry: string | null,
  facts: LineFacts,
  rules: LineRules,
): LineDecision {
  const { kind } = line;
  if (isOfNoOrder(kind)) return decideOfNoOrder(line, facts.unattributed);
  const { ours, unattributed } = facts;
  if (ours === null || !ours.moved) {
    if (unattributed !== null) return repeated(line, entry, unattributed);
    return { kind: "unattributed", because: unattributedBecause(kind, facts) };
  }
  const because = difference(line, ours, rules);
  if (ours.movement !== null) return repeated(line, entry, ours.movement, because);
  return because === undefined ? { kind: "agrees" } : { kind: "differs", because };
}

/**
 * Decides about a line of no order. Two lines of one name are not one, and nor is one that is told as something else: it would be
 * lost without a word.
 *
 * @param before what was kept under its name; null for nothing
 */
function decideOfNoOrder(
  line: ProviderLine,
  before: UnattributedMovement | null,
): LineDecision {
  if (before === null) {
    return line.kind === "other" && (line.grossCents !== 0 || line.feeCents !== 0)
      ? { kind: "unattributed", because: "category_unknown" }
      : addsUp(line)
      ? { kind: "no_order" }
      : { kind: "no_order", because: "fee_differs" };
  }
  if (before.kind !== line.kind) return { kind: "changed", because: "category_differs" };
  if (before.grossCents !== line.grossCents) return { kind: "changed", because: "amount_differs" };
  if (before.currency !== line.settledCurrency) {
    return { kind: "changed", because: "currency_differs" };
  }
  if (before.feeCents !== line.feeCents) return { kind: "changed", because: "fee_differs" };
  if (before.netCents === netOf(line)) return { kind: "known" };
  return addsUp(line) ? { kind: "corrects" } : { kind: "changed", because: "fee_differs" };
}

function unattributedBecause(kind: KindOfAnOrder, facts: LineFacts): DiscrepancyKind {
  if (!facts.isOurs) return "other_installation";
  switch (kind) {
    case "refund":
      return "refund_without_refund";
    case "chargeback":
      return "chargeback_without_record";
    case "correction":
      return "corrected";
    case "charge":
      return facts.isPaidOtherwise ? "twice" : "missing_with_us";
  }
}

/**
 * What a line is that tells of a movement which is on record. That it was told before says nothing of what it tells now.
 *
 * @param because what it differs in from ours; undefined where in nothing, or where it is of nothing of ours
 */
function repeated(
  line: ProviderLine,
  entry: string | null,
  before: KnownMovement,
  because?: Difference,
): LineDecision {
  if (entry === null) {
    // That it was late is no news, and what was recorded by a report has come to be on record later than it was made.
    const isSame = because === undefined || because === "late";
    return isSame ? { kind: "known" } : { kind: "changed", because };
  }
  if (before.entry === null) {
    return because === undefined ? { kind: "adopt" } : { kind: "adopt", because };
  }
  if (before.entry !== entry) return { kind: "unattributed", because: "twice" };
  if (before.grossCents !== line.grossCents) return { kind: "changed", because: "amount_differs" };
  if (before.currency !== line.settledCurrency) {
    return { kind: "changed", because: "currency_differs" };
  }
  const customer = customerSideOf(line);
  if (customer !== null && before.customer !== null) {
    if (customer.currency !== before.customer.currency) {
      return { kind: "changed", because: "currency_differs" };
    }
    if (customer.cents !== before.customer.cents) {
      return { kind: "changed", because: "amount_differs" };
    }
  }
  if (before.feeCents !== line.feeCents) return { kind: "changed", because: "fee_differs" };
  const corrects: LineDecision = because === undefined || because === "late"
    ? { kind: "corrects" }
    : { kind: "corrects", because };
  if (before.netCents === netOf(line)) {
    return customer !== null && before.customer === null ? corrects : { kind: "known" };
  }
  return addsUp(line) ? corrects : { kind: "changed", because: "fee_differs" };
}

function difference(
  line: ProviderLine,
  ours: OurMoney,
  { lateSeconds }: LineRules,
): Difference | undefined {
  if (line.currency !== ours.currency) return "currency_differs";
  if (line.amountCents !== ours.amountCents) return "amount_differs";
  if (!addsUp(line)) return "fee_differs";
  if (ours.at !== null && secondsBetween(line.at, ours.at) > lateSeconds) return "late";
  return undefined;
}

/** What the provider says came out, or what gross and fee come to where it says nothing. */
export function netOf(
  { grossCents, feeCents, netCents }: Pick<ProviderLine, "grossCents" | "feeCents" | "netCents">,
): number {
  return netCents ?? grossCents - feeCents;
}

/** Whether what came out is the gross less the fee. */
export function addsUp({ grossCents, feeCents, netCents }: ProviderLine): boolean {
  return netCents === null || netCents === grossCents - feeCents;
}

/** Seconds between two UTC times, `YYYY-MM-DD HH:MM:SS` and up to six digits more, to the last of them. */
export function secondsBetween(a: string, b: string): number {
  return Math.abs(microsecondsOf(a) - microsecondsOf(b)) / 1_000_000;
}

function microsecondsOf(time: string): number {
  const seconds = Date.parse(`${time.slice(0, 19).replace(" ", "T")}Z`);
  return seconds * 1_000 + Number(time.slice(20, 26).padEnd(6, "0"));
}
