/**
 * What is written down of a discrepancy, and by what it is known again.
 *
 * @module
 */

import type { FoundDiscrepancy } from "../../db/reconciliation/found_discrepancies.ts";
import { textDigest } from "../../domain/order/content_hash.ts";
import { differences } from "../../domain/reconciliation/decide_line.ts";
import type { DiscrepancyKind, MovementKind } from "../../domain/reconciliation/discrepancy.ts";

/** What every discrepancy says. */
type Needed = Pick<
  FoundDiscrepancy,
  "reconciliationId" | "provider" | "kind" | "identity" | "day" | "movement"
>;

/** A discrepancy of which nothing is said but what is given. */
export function foundDiscrepancy(given: Needed & Partial<FoundDiscrepancy>): FoundDiscrepancy {
  return { ...unsaid, ...given };
}

const unsaid: Omit<FoundDiscrepancy, keyof Needed> = {
  part: null,
  orderId: null,
  paymentId: null,
  refundId: null,
  reference: null,
  chargeRef: null,
  refundRef: null,
  movementKey: null,
  entry: null,
  theirCents: null,
  theirCurrency: null,
  theirFeeCents: null,
  theirNetCents: null,
  theirTime: null,
  ourCents: null,
  ourCurrency: null,
  ourTime: null,
  theirGrossCents: null,
  settledCurrency: null,
  ourFeeCents: null,
  ourNetCents: null,
};

/** The row of ours that a movement is of, as a discrepancy names it: a payment or a refund; of anything else its own names say it. */
export function rowOf(
  subject: MovementKind,
  id: number,
): Pick<FoundDiscrepancy, "paymentId" | "refundId"> {
  switch (subject) {
    case "charge":
    case "reversal":
    case "unreversed":
      return { paymentId: id, refundId: null };
    case "refund":
    case "returned":
      return { paymentId: null, refundId: id };
    default:
      return { paymentId: null, refundId: null };
  }
}

/** A movement, by what of ours it is of, or by the digest of its name where it is of nothing. */
export interface MovementName {
  kind: MovementKind;
  /** 0 for nothing of ours. */
  subjectId: number;
  /** Digest in hexadecimal; null where it is of something of ours. */
  part: string | null;
}

/**
 * By what a discrepancy of a movement is known again. What nobody here knows is one discrepancy by itself, and another one
 * where it is told otherwise later.
 */
export function identityOf(
  provider: string,
  { kind: movement, subjectId, part }: MovementName,
  kind: DiscrepancyKind,
): string {
  const otherwise = isToldOtherwise(kind) ? ` ${kind}` : "";
  const about = part === null
    ? `${movement} ${subjectId} ${kind}`
    // What a line of no order is may be told otherwise each time.
    : `${kind === "category_differs" ? "other" : movement} ${part}${otherwise}`;
  return textDigest(`${provider}\n${about}`);
}

/** By what money of ours is known again that no report tells of. */
export function missingIdentityOf(
  provider: string,
  { movement, paymentId, refundId, chargebackId }: {
    movement: string;
    paymentId: number | null;
    refundId: number | null;
    chargebackId: number | null;
  },
): string {
  // A reversal was told of as a refund without an id before there were chargebacks among them.
  const about = chargebackId === null
    ? `${movement === "reversal" ? "refund" : movement} ${paymentId} ${refundId ?? ""}`
    : `${movement} ${chargebackId}`;
  return textDigest(`${provider}\nmissing ${about}`);
}

/** Every discrepancy that a report may have found of a movement. */
export function identitiesOf(provider: string, movement: MovementName): string[] {
  const kinds: readonly DiscrepancyKind[] = movement.part === null
    ? [...differences, "twice"]
    : ["missing_with_us", ...toldOtherwise];
  return kinds.map((kind) => identityOf(provider, movement, kind));
}

/** What a line of nothing of ours can differ in from what was told of it before, or within itself. */
const toldOtherwise = [
  "amount_differs",
  "currency_differs",
  "fee_differs",
  "category_differs",
] as const satisfies readonly DiscrepancyKind[];

function isToldOtherwise(kind: DiscrepancyKind): boolean {
  return toldOtherwise.some((one) => one === kind);
}
