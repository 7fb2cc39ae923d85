/**
 * Decides whether an action about a discrepancy may be proposed or approved.
 *
 * @module
 */

import {
  actionsFor,
  type DiscrepancyAction,
  type DiscrepancyFacts,
  type DiscrepancyState,
} from "./discrepancy.ts";

/** A discrepancy as its locked row says. */
export interface DecidedFacts extends DiscrepancyFacts {
  /** As it is now. */
  state: DiscrepancyState;
  /** What was proposed; null where nothing was. */
  action: DiscrepancyAction | null;
  /** Who proposed the action; null where nobody did. */
  proposedBy: string | null;
  /** When that was, ISO 8601; null where nobody did. */
  proposedAt: string | null;
  /** Who approved it; null before. */
  approvedBy: string | null;
}

/** What somebody has seen proposed and approves; what they do not say may be anything. */
export interface SeenProposal {
  /** What is to be done. */
  action?: DiscrepancyAction;
  /** When it was proposed, as it is shown: another one, or another note, has another time. */
  proposedAt?: string;
}

/** What becomes of a wish. */
export type ActionDecision =
  | { kind: "propose" }
  | { kind: "approve" }
  /** It was wished for before. */
  | { kind: "already_done" }
  | { kind: "refused"; because: string }
  /** It is not said what is approved. */
  | { kind: "unsaid"; because: string };

/** Whoever comes by the API or the pages where nobody is asked who they are. */
const nobody: ReadonlySet<string> = new Set(["api", "dashboard"]);

/** Whether a name is one that nobody has checked: on the command line it is what the machine's environment says. */
function isUnchecked(actor: string): boolean {
  return nobody.has(actor) || actor.startsWith("cli:");
}

/**
 * Whether two names may be of one person: of whoever is not asked who they are nobody can tell. One whose name was checked, by a token or
 * a sign-in, is somebody else than one whose was not.
 */
export function isSamePerson(one: string, other: string): boolean {
  return one === other || (isUnchecked(one) && isUnchecked(other));
}

/** Why somebody is not the second person that it takes, after who did the first step. */
export function samePersonSays(first: string, by: string, did: string): string {
  return first === by && !isUnchecked(by)
    ? `it takes two people, and this one ${did}`
    : `it takes two people, and ${first} ${did}: on the command line, or without a token, nobody is asked who they are, so ` +
      "the second one has to come by the API or the dashboard, under a name of their own";
}

/** Decides whether an action may be proposed. */
export function decideProposal(
  facts: DecidedFacts,
  { action, note }: { action: DiscrepancyAction; note: string | null },
): ActionDecision {
  if (facts.state !== "open") return { kind: "refused", because: `it is ${facts.state} already` };
  if (facts.approvedBy !== null) {
    return facts.action === action
      ? { kind: "already_done" }
      : { kind: "refused", because: `"${facts.action}" was approved and is being carried out` };
  }
  const offered = actionsFor(facts);
  if (!offered.includes(action)) {
    return { kind: "refused", because: `it can be mended by ${offered.join(" or ")}` };
  }
  if (action === "explain" && note === null) {
    return { kind: "refused", because: "an explanation needs a note" };
  }
  return { kind: "propose" };
}

/**
 * Decides whether what was proposed may be carried out.
 *
 * @param by who approves it
 * @param approvals how many people it takes: with two, nobody approves what they proposed themselves
 * @param seen what they approve: it may have been proposed otherwise meanwhile; with two people both have to be said
 */
export function decideApproval(
  facts: DecidedFacts,
  by: string,
  approvals: number,
  seen: SeenProposal = {},
): ActionDecision {
  if (facts.state !== "open") return { kind: "refused", because: `it is ${facts.state} already` };
  if (facts.action === null) return { kind: "refused", because: "nothing was proposed" };
  if (
    (seen.action ?? facts.action) !== facts.action ||
    (seen.proposedAt ?? facts.proposedAt) !== facts.proposedAt
  ) {
    const because =
      `something else was proposed meanwhile: "${facts.action}", by ${facts.proposedBy}`;
    return { kind: "refused", because };
  }
  if (facts.approvedBy !== null) return { kind: "already_done" };
  const isOne = facts.proposedBy !== null && isSamePerson(facts.proposedBy, by);
  if (approvals > 1 && isOne) {
    return { kind: "refused", because: samePersonSays(facts.proposedBy!, by, "proposed it") };
  }
  if (approvals > 1 && (seen.action === undefined || seen.proposedAt === undefined)) {
    return {
      kind: "unsaid",
      because: "say which action you approve, and when it was proposed as you have seen it",
    };
  }
  return { kind: "approve" };
}
