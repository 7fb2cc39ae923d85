/**
 * Decides what an order that comes in means to the database.
 *
 * @module
 */

import type { IncomingOrder, OrderTerms } from "./incoming_order.ts";
import type { OrderStatus } from "./order.ts";

/** What becomes of an order that comes in. */
export type IntakeOutcome =
  /** It was not known. */
  | "new"
  /** It was known, not begun yet, and takes the new content. */
  | "updated"
  /** It is known with the same content. */
  | "unchanged"
  /** It is known with another content and must not be changed any more. */
  | "conflict"
  /** It would be taken, but names a product that there is not, and none is created for its sake. */
  | "unknown_sku";

/** How an order that comes in differs from the one that the database has. */
export interface IntakeChange {
  /** It has another content: see `contentOf()`. */
  content: boolean;
  /** It names another recipient, see {@linkcode namesOtherRecipient}. That is not another content: an order keeps whom it was placed for. */
  recipient: boolean;
  /**
   * It lacks items that the known order has, or has them in another currency or at another price, or lacks some of its
   * adjustments or its payment.
   */
  takesAway: boolean;
  /** It is of another customer, see {@linkcode isOfAnother}: most likely another order that has the same id. */
  ofAnother?: boolean;
  /** Another has brought the known order, and whoever brings this may not change what others have brought. */
  foreign: boolean;
  /** It was paid by a payment that another order has. */
  paymentTaken?: boolean;
  /** The known order was paid at its source, and this would have it come to something else: see `changesPaid()`. */
  changesPaid?: boolean;
  /** It names a product that there is not, and must not create it. */
  namesUnknown?: boolean;
}

/**
 * What another content of an order that is still `PENDING` means: it is taken unless it takes something away,
 * taken whatever it says, or never taken.
 */
export type PendingChange = "update" | "replace" | "conflict";

/**
 * Decides what becomes of an order that comes in.
 *
 * @param known what the database says of the order; undefined if it doesn't know it
 * @param change of an order that is not known, only `paymentTaken` has a meaning
 */
export function decideIntake(
  known: { status: OrderStatus } | undefined,
  change: IntakeChange,
  onPendingChange: PendingChange,
): IntakeOutcome {
  const outcome = outcomeOf(known, change, onPendingChange);
  const isWritten = outcome === "new" || outcome === "updated";
  if (isWritten && change.paymentTaken === true) return "conflict";
  return isWritten && change.namesUnknown === true ? "unknown_sku" : outcome;
}

function outcomeOf(
  known: { status: OrderStatus } | undefined,
  change: IntakeChange,
  onPendingChange: PendingChange,
): IntakeOutcome {
  if (known === undefined) return change.namesUnknown ? "unknown_sku" : "new";
  const mayChange = known.status === "PENDING" && onPendingChange !== "conflict" &&
    !change.foreign;
  if (!change.content) return change.recipient && mayChange ? "updated" : "unchanged";
  if (!mayChange || change.changesPaid) return "conflict";
  const isRefused = change.takesAway || change.ofAnother === true;
  return isRefused && onPendingChange === "update" ? "conflict" : "updated";
}

/**
 * True where an order names another recipient than the known one, or another language; one that it does not name
 * stays.
 */
export function namesOtherRecipient(
  known: { recipient: { name: string; email: string | null }; language: string | null },
  { customer: { name, email }, language }: Pick<IncomingOrder, "customer" | "language">,
): boolean {
  return known.recipient.name !== name || known.recipient.email !== email ||
    (language !== undefined && known.language !== language);
}

/**
 * True where the known order was placed for somebody else, by name and by address, and at another time: two shops may number
 * their orders alike. Whoever corrects an order leaves at least one of the three.
 */
export function isOfAnother(
  known: { recipient: { name: string; email: string | null }; placedAt: string },
  { customer: { name, email }, placedAt }: Pick<IncomingOrder, "customer" | "placedAt">,
): boolean {
  const { recipient } = known;
  return !sameText(recipient.name, name) && !sameText(recipient.email ?? "", email ?? "") &&
    toSecond(known.placedAt) !== toSecond(placedAt);
}

/** The database keeps more digits than files have. */
function toSecond(time: string): string {
  return time.slice(0, "YYYY-MM-DD HH:MM:SS".length);
}

/** Upper and lower case make nobody another. Nobody is known by no address. */
function sameText(a: string, b: string): boolean {
  return a !== "" && a.toLowerCase() === b.toLowerCase();
}

/** One thing that an order has: all its units of a product at one price. */
export interface ItemSum {
  /** The shop's own id of the product. */
  sku: string;
  /** Price of one unit. */
  unitPriceCents: number;
  /** Units. */
  qty: number;
}

/** True where `items` have less of anything than `known` has, or not at its price. */
export function takesAway(known: readonly ItemSum[], items: readonly ItemSum[]): boolean {
  const left = sumsOf(items);
  for (const [key, qty] of sumsOf(known)) if ((left.get(key) ?? 0) < qty) return true;
  return false;
}

/** Units by product and price, however many lines they stand in. */
export function sumsOf(items: readonly ItemSum[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { sku, unitPriceCents, qty } of items) {
    const key = `${unitPriceCents} ${sku}`;
    sums.set(key, (sums.get(key) ?? 0) + qty);
  }
  return sums;
}

/** What a known order has beside its items. */
export interface KnownTerms {
  /** Those that came with it, by kind. */
  adjustments: readonly { kind: string; amountCents: number; included: boolean }[];
  /** The payment that it was paid by before it came; undefined for none. */
  payment: { provider: string; reference: string } | undefined;
}

/**
 * True where an order has less of any kind of adjustment than `known` has, up or down, or not its payment: a part of
 * a file may have lost the row that says so, and charging for it would be wrong in either direction.
 */
export function takesTermsAway(
  known: KnownTerms,
  { adjustments = [], payment }: OrderTerms,
): boolean {
  const left = adjustmentSums(adjustments);
  for (const [kind, had] of adjustmentSums(known.adjustments)) {
    const has = left.get(kind) ?? 0;
    if (had > 0 ? has < had : has > had) return true;
  }
  if (known.payment === undefined) return false;
  return payment?.status !== "paid" || payment.provider !== known.payment.provider ||
    payment.reference !== known.payment.reference;
}

function adjustmentSums(adjustments: KnownTerms["adjustments"]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { kind, amountCents, included } of adjustments) {
    const key = included ? `included ${kind}` : kind;
    sums.set(key, (sums.get(key) ?? 0) + amountCents);
  }
  return sums;
}
