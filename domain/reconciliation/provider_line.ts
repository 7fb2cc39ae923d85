/**
 * What a provider's books say, line by line, whatever they are written in.
 *
 * @module
 */

/** What moved. */
export type LineKind =
  /** Money that a customer paid. */
  | "charge"
  /** Money that went back to a customer. */
  | "refund"
  /** Money that a customer's bank took back, or gave again. */
  | "chargeback"
  /** A charge or a refund that came to nothing after all. */
  | "correction"
  /** What the provider keeps by a line of its own. */
  | "fee"
  /** Money that went to the bank, or came from there. */
  | "payout"
  /** Money that the provider holds back for a while, or gives free again. */
  | "reserve"
  /** What the provider takes off or adds for a reason of its own. */
  | "adjustment"
  /** Whatever nobody has said the meaning of. */
  | "other";

/** A kind of lines that are of no order, whatever they say. */
export type KindOfNoOrder = Extract<
  LineKind,
  "fee" | "payout" | "reserve" | "adjustment" | "other"
>;

/** Whether lines of each kind are of no order, whatever they say. */
const ofNoOrder: Readonly<
  { [Kind in LineKind]: Kind extends KindOfNoOrder ? true : false }
> = {
  charge: false,
  refund: false,
  chargeback: false,
  correction: false,
  fee: true,
  payout: true,
  reserve: true,
  adjustment: true,
  other: true,
};

/** All kinds of lines. */
export const lineKinds = Object.keys(ofNoOrder) as LineKind[];

/** Kinds of lines that are of no order, whatever they say. */
export const kindsOfNoOrder: readonly KindOfNoOrder[] = lineKinds.filter(isOfNoOrder);

/** Whether a line is of no order, whatever it says. */
export function isOfNoOrder(kind: string): kind is KindOfNoOrder {
  return Object.hasOwn(ofNoOrder, kind) && ofNoOrder[kind as LineKind];
}

/** One movement of money, as the provider tells it. */
export interface ProviderLine {
  /** What moved. */
  kind: LineKind;
  /** Where it stands: line of a file, or place in a list, from 1. */
  line: number;
  /** The report's own id of the line; null where the provider's list said it, which has none. */
  entry: string | null;
  /** The provider's names of the charge that it is, or is of; any of them may be ours. */
  chargeRefs: readonly string[];
  /** The provider's name of the refund or chargeback; null for a charge. */
  refundRef: string | null;
  /** The key that it was asked for under; null where the provider does not repeat it. */
  key: string | null;
  /** The shop's id of the order; null where the provider does not repeat it. */
  reference: string | null;
  /** What the customer paid or got back, from 0, in minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** How the balance changed by it, in minor units of `settledCurrency`: signed, before fees. */
  grossCents: number;
  /** What the provider kept of it; 0 where nothing is said. */
  feeCents: number;
  /** What the provider says came out of both; null where it says nothing. */
  netCents: number | null;
  /** ISO 4217, upper case. */
  settledCurrency: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`. */
  at: string;
}

/** What of a movement's money was converted. */
export interface CustomerSide {
  /** What the customer paid or got back, in minor units of `currency`, signed as the line's gross. */
  cents: number;
  /** ISO 4217, upper case; another than the settled one. */
  currency: string;
}

/** What the customer paid or got back of what was settled in another currency; null where nothing was converted. */
export function customerSideOf(
  { kind, amountCents, currency, grossCents, settledCurrency }: Pick<
    ProviderLine,
    "kind" | "amountCents" | "currency" | "grossCents" | "settledCurrency"
  >,
): CustomerSide | null {
  if (isOfNoOrder(kind) || currency === settledCurrency) return null;
  // What is too little to be anything in the other currency goes the way of its kind.
  const sign = Math.sign(grossCents) || (kind === "charge" ? 1 : -1);
  return { cents: amountCents === 0 ? 0 : sign * amountCents, currency };
}

/** What a movement is known by when it is told again: the provider's name for it, and the line's own id where it has none. */
export function nameOf({ kind, chargeRefs, refundRef, entry }: ProviderLine): string {
  if (kind === "charge") return `charge\n${chargeRefs[0] ?? entry ?? ""}`;
  if (kind === "refund") return nameOfRefund(refundRef ?? entry ?? "");
  // What is of no order keeps its name where its kind is told apart later.
  if (isOfNoOrder(kind)) return `other\n${entry ?? refundRef ?? chargeRefs[0] ?? ""}`;
  return `${kind}\n${entry ?? refundRef ?? chargeRefs[0] ?? ""}`;
}

/** What a refund is known by. */
export function nameOfRefund(ref: string): string {
  return `refund\n${ref}`;
}

/** What a chargeback is called: as the provider names it, or else by the report's own id of the line; null for neither. */
export function chargebackNameOf(
  { refundRef, entry }: Pick<ProviderLine, "refundRef" | "entry">,
): string | null {
  return refundRef ?? entry;
}

/** The day of a time, in UTC. */
export function dayOf(time: string): string {
  return time.slice(0, 10);
}
