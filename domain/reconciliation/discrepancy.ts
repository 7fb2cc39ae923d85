/**
 * What a provider's books and ours do not agree about, and what can be done about it.
 *
 * @module
 */

import { isMendKey } from "../payment/payment_key.ts";
import type { LineKind } from "./provider_line.ts";

/** What a discrepancy is. */
export const discrepancyKinds = {
  missing_with_us: "The provider took money that is on record for no order",
  missing_with_them: "Money that is on record here is in none of the provider's reports",
  amount_differs: "The provider says another amount",
  currency_differs: "The provider says another currency",
  fee_differs: "Gross, fee and net do not add up, or are others than before",
  twice: "The provider took an order's money once more",
  refund_without_refund: "The provider gave money back of which no refund is on record",
  chargeback_without_record: "A customer's bank took money back, and no chargeback is on record",
  corrected: "The provider says that a charge or a refund came to nothing after all",
  other_installation: "It is of an order of another installation on the same account",
  late: "The provider's day and ours are too far apart",
  category_unknown:
    "Money moved for a reason that is none of those known: it stands in suspense until somebody says what it is",
  category_differs: "The provider's line was told before as something else",
} as const;

/** One of {@linkcode discrepancyKinds}. */
export type DiscrepancyKind = keyof typeof discrepancyKinds;

/** All kinds, for schemas and filters. */
export const discrepancyKindNames = Object.keys(discrepancyKinds) as [
  DiscrepancyKind,
  ...DiscrepancyKind[],
];

/** What a discrepancy is, in words: of a chargeback, whether the bank took the money or gave it again. */
export function discrepancyInWords(
  row: { kind: DiscrepancyKind } & Parameters<typeof toldGrossCents>[0],
): string {
  return row.kind === "chargeback_without_record" && toldGrossCents(row) > 0
    ? "A customer's bank gave money again, and no chargeback that was won is on record"
    : discrepancyKinds[row.kind];
}

/** How far a discrepancy is. */
export const discrepancyStates = ["open", "explained", "mended"] as const;

/** One of {@linkcode discrepancyStates}. */
export type DiscrepancyState = typeof discrepancyStates[number];

/** What can be done about one. */
export const discrepancyActions = {
  record: "Record what the provider did",
  give_back: "Give the money back",
  ask: "Ask the provider again",
  explain: "Explain it",
} as const;

/** One of {@linkcode discrepancyActions}. */
export type DiscrepancyAction = keyof typeof discrepancyActions;

/** All actions, for schemas. */
export const discrepancyActionNames = Object.keys(discrepancyActions) as [
  DiscrepancyAction,
  ...DiscrepancyAction[],
];

/**
 * What moved: as in reports, and what our books tell apart besides; a chargeback that was won is `won_back`, a refund that
 * came back `returned`, a payment that went back whole and came back `unreversed`, and what mending gave back directly and came
 * back `unmended`.
 */
export type MovementKind =
  | LineKind
  | "reversal"
  | "mend"
  | "won_back"
  | "returned"
  | "unreversed"
  | "unmended";

/** Of a discrepancy what tells which actions mend it. */
export interface DiscrepancyFacts {
  /** What differs. */
  kind: DiscrepancyKind;
  /** What moved. */
  movement: MovementKind;
  /** The order behind it; null where none is known. */
  orderId: number | null;
  /** The payment, where one is on record. */
  paymentId: number | null;
  /** The refund, where one is on record. */
  refundId: number | null;
  /** The provider's name of the charge; null where it says none. */
  chargeRef: string | null;
  /** What the provider says, and what we have; null where one says nothing. */
  theirCents: number | null;
  /** See above. */
  ourCents: number | null;
  /** The key at the provider of what moved; null or left out where none is known. */
  movementKey?: string | null;
  /** What came of the last action; null or left out for nothing. */
  answer?: string | null;
}

/** How an answer begins by which a provider has more of a charge than is ours, now that it was asked. */
export const hasTooMuch = "the provider has more of it than is ours";

/**
 * The actions that are offered for a discrepancy, the one that mends it first. Any of them may be explained.
 *
 * @param isConfigured whether its provider is configured here: of any other no money moves, and nobody answers
 */
export function offeredActions(
  facts: DiscrepancyFacts,
  isConfigured: boolean,
): DiscrepancyAction[] {
  return actionsFor(facts).filter((action) =>
    isConfigured || !needsProvider[action](facts.movement)
  );
}

/** Whether an action takes the provider, by what moved. */
const needsProvider: Readonly<Record<DiscrepancyAction, (movement: MovementKind) => boolean>> = {
  record: (movement) => movement === "charge",
  give_back: () => true,
  ask: () => true,
  explain: () => false,
};

/** Every action that there is for a discrepancy, the one that mends it first. */
export function actionsFor(facts: DiscrepancyFacts): DiscrepancyAction[] {
  const { kind, movement, orderId, chargeRef } = facts;
  const charged = movement === "charge" && chargeRef !== null;
  switch (kind) {
    case "missing_with_us":
      if (!charged) return ["explain"];
      return orderId === null ? ["give_back", "explain"] : ["record", "explain"];
    case "twice":
      if (!charged) return ["explain"];
      // The very charge that is on record can't be given back as another one.
      return facts.paymentId === null && facts.ourCents !== null
        ? ["ask", "explain"]
        : ["give_back", "explain"];
    case "amount_differs":
      if (!canBeAskedAbout(movement)) return ["explain"];
      if (!tookMore(facts)) return ["ask", "explain"];
      // What was not captured a later line may take back: the provider says first what it has.
      return facts.answer?.startsWith(hasTooMuch)
        ? ["give_back", "ask", "explain"]
        : ["ask", "give_back", "explain"];
    case "missing_with_them":
      return ["ask", "explain"];
    case "refund_without_refund":
      return orderId === null ? ["explain"] : ["record", "explain"];
    case "chargeback_without_record":
      return chargeRef === null ? ["explain"] : ["record", "explain"];
    case "corrected":
      if (movement === "unmended") return ["give_back", "explain"];
      return orderId === null && !isMendKey(facts.movementKey)
        ? ["explain"]
        : ["record", "explain"];
    case "currency_differs":
    case "fee_differs":
    case "other_installation":
    case "late":
    case "category_unknown":
    case "category_differs":
      return ["explain"];
  }
}

/** Whether a customer's bank moved it. */
export function isOfBank(movement: MovementKind): boolean {
  return movement === "chargeback" || movement === "won_back";
}

/**
 * How the balance changed by what is told: signed, before fees. Of what was found before that was kept, it is what net and fee
 * come to, and without these what moved.
 */
export function toldGrossCents(
  { theirGrossCents, theirNetCents, theirFeeCents, theirCents }: {
    theirGrossCents: number | null;
    theirNetCents: number | null;
    theirFeeCents: number | null;
    theirCents: number | null;
  },
): number {
  return theirGrossCents ?? (theirNetCents ?? theirCents ?? 0) + (theirFeeCents ?? 0);
}

/** Whether a provider can say what became of money: it is asked for neither what a bank took nor what belongs to no order. */
export function canBeAskedAbout(movement: MovementKind): boolean {
  return movement === "charge" || movement === "refund" || movement === "reversal" ||
    movement === "mend";
}

/** Whether the provider took more of a charge than is on record. */
export function tookMore(
  { movement, theirCents, ourCents }: Pick<
    DiscrepancyFacts,
    "movement" | "theirCents" | "ourCents"
  >,
): boolean {
  return movement === "charge" && theirCents !== null && ourCents !== null && theirCents > ourCents;
}

/**
 * What goes back directly at the provider, of a charge that no order of ours knows of or of which it knows less, again where that
 * came back; null for what an order has on record, which goes back by the order.
 */
export function directlyBack(
  { kind, movement, orderId, theirCents, ourCents }: DiscrepancyFacts,
): number | null {
  if (theirCents === null || movement === "unmended") return theirCents;
  if (kind === "amount_differs") return theirCents - (ourCents ?? 0);
  return orderId === null ? theirCents : null;
}
