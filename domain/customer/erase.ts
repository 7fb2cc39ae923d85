/**
 * Decides whether a person's data may be erased by now.
 *
 * @module
 */

import type { Fault } from "../errors.ts";

/** Why something about a person is not over. */
export type OpenReason =
  /** It is not settled. */
  | "order"
  /** Its money has yet to go back. */
  | "refund"
  /** Somebody has to decide about its money. */
  | "dispute"
  /** Somebody has to give its money back by hand. */
  | "by_hand"
  /** Its customer contests the charge at the bank, which is not decided. */
  | "chargeback"
  /** Its money went back twice, and somebody has to get one of both. */
  | "given_twice"
  /** A message about it could not be handled. */
  | "dead_letter"
  /** It was requested in the last day under a key that names the person, and under which it may be requested again. */
  | "named_key";

/** Something about a person that is not over. */
export type OpenMatter =
  | {
    /** Why. */
    reason: OpenReason;
    /** Database id of the order. */
    orderId: number;
  }
  /** A file is being imported, which may have the person in it. */
  | {
    reason: "import";
    /** Database id of the import. */
    importId: number;
  };

const texts: Readonly<Record<OpenReason, string>> = {
  order: "is not settled: let it end, or cancel it",
  refund: "has a refund that is not processed",
  dispute: "has a payment that somebody has to decide about",
  by_hand: "has money that somebody has to give back by hand",
  chargeback: "has a chargeback that is not decided",
  given_twice: "has money that went back twice, about which somebody has to decide",
  dead_letter: "has a dead letter: retry or discard it",
  named_key: "has a refund that was requested in the last day under a key that names the customer",
};

/** What becomes of the wish to erase a person. */
export type ErasureDecision =
  /** It may be done. */
  | { kind: "erase" }
  /** It may not be done yet; every matter that is not over is named. */
  | { kind: "refused"; faults: Fault[] };

/**
 * Decides whether a person may be erased. What is not over needs whoever it is about: goods have to arrive, money has to
 * go back, and somebody may have to ask. The law has it wait as well (article 17, paragraph 3), and whoever asks is told for what.
 */
export function decideErasure(open: readonly OpenMatter[]): ErasureDecision {
  if (open.length === 0) return { kind: "erase" };
  const faults = open.map((matter) =>
    matter.reason === "import"
      ? { at: `import ${matter.importId}`, detail: "is running: try again once it is over" }
      : { at: `order ${matter.orderId}`, detail: texts[matter.reason] }
  );
  return { kind: "refused", faults };
}
