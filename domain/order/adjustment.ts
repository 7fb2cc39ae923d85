/**
 * What an order costs beside its items: shipping, taxes, discounts.
 *
 * @module
 */

/** What an adjustment is for. */
export const adjustmentKinds = [
  "shipping",
  "tax",
  "discount",
  "tip",
  "fee",
  "gift_wrap",
  "other",
] as const;

/** What an adjustment is for. */
export type AdjustmentKind = typeof adjustmentKinds[number];

/** An amount of the order as a whole, without stock. */
export interface Adjustment {
  /** What it is for. */
  kind: AdjustmentKind;
  /** What the customer reads, such as `Express`; null for the kind's own name. */
  label: string | null;
  /** Signed, in minor units: a discount is below zero. */
  amountCents: number;
  /** True for a tax that the prices contain already: recorded, and adds nothing to the total. */
  included: boolean;
}

/** What adjustments add to the sum of the items; below zero where they take more off than they add. */
export function adjustmentsCentsOf(
  adjustments: readonly Pick<Adjustment, "amountCents" | "included">[],
): number {
  return adjustments.reduce(
    (sum, { amountCents, included }) => included ? sum : sum + amountCents,
    0,
  );
}

/**
 * What a row of adjustments may be: what orders come with, and the difference between an order's total and the payment
 * that a person accepted for it.
 */
export const recordedKinds = [...adjustmentKinds, "payment_difference"] as const;

/** One of {@linkcode recordedKinds}. */
export type RecordedKind = typeof recordedKinds[number];

/** What each kind is called where an adjustment has no label of its own. */
const kindNames: Readonly<Record<RecordedKind, string>> = {
  shipping: "Shipping",
  tax: "Tax",
  discount: "Discount",
  tip: "Tip",
  fee: "Fee",
  gift_wrap: "Gift wrap",
  other: "Other",
  payment_difference: "Payment difference",
};

/** What people read of an adjustment: its label, or else its kind. */
export function adjustmentName(
  { kind, label }: { kind: RecordedKind; label: string | null },
): string {
  return label === null || label === "" ? kindNames[kind] ?? kind : label;
}

/** What a kind of adjustment is called in sentences: `gift wrap` of `gift_wrap`. */
export function adjustmentWord(kind: string): string {
  return kind.replaceAll("_", " ");
}

/**
 * Why an adjustment can't have this amount, with what would be right; undefined where it can. What takes off is a
 * discount or something other; all else adds.
 */
export function adjustmentProblem(kind: AdjustmentKind, amountCents: number): string | undefined {
  const word = adjustmentWord(kind);
  if (kind === "discount") {
    return amountCents <= 0
      ? undefined
      : `${amountCents}: ${word} is taken off: write ${-amountCents}`;
  }
  if (kind === "other" || amountCents >= 0) return undefined;
  return `${amountCents}: ${word} is added: write ${-amountCents}, or a discount for what is taken off`;
}
