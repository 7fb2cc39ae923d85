/**
 * Chargebacks: charges that customers contest at their bank, which providers call disputes. What may be said of one, and
 * what each word does to its money.
 *
 * @module
 */

import { cutText } from "../text/cut_text.ts";

/** Where the money of a chargeback is. */
export type ChargebackMoney =
  /** With us: it was only asked about, or it came back. */
  | "ours"
  /** Withheld from us until it is decided. */
  | "held"
  /** Gone. */
  | "lost";

/** What a state means. */
export interface ChargebackStateRow {
  /** Where its money is. */
  money: ChargebackMoney;
  /** Somebody has to answer the bank. */
  needsResponse: boolean;
  /** It is decided. */
  isClosed: boolean;
  /** Of two that are told for the same moment, the one of the higher rank came later. */
  rank: number;
  /** What it is called where somebody reads of it. */
  words: string;
}

const row = (
  money: ChargebackMoney,
  rank: number,
  words: string,
  { needsResponse = false, isClosed = false } = {},
): ChargebackStateRow => ({ money, rank, words, needsResponse, isClosed });

/**
 * Every state. Those that begin with `warning` are inquiries, which banks may make before they take any money; one that
 * is prevented was settled before it became a chargeback.
 */
export const chargebackStates = {
  warning_needs_response: row("ours", 0, "Inquiry: answer it", { needsResponse: true }),
  warning_under_review: row("ours", 1, "Inquiry: answered"),
  warning_closed: row("ours", 2, "Inquiry: closed", { isClosed: true }),
  prevented: row("ours", 2, "Prevented", { isClosed: true }),
  needs_response: row("held", 3, "Answer it", { needsResponse: true }),
  under_review: row("held", 4, "Answered"),
  won: row("ours", 5, "Won", { isClosed: true }),
  lost: row("lost", 5, "Lost", { isClosed: true }),
} as const satisfies Record<string, ChargebackStateRow>;

/** See {@linkcode chargebackStates}. */
export type ChargebackState = keyof typeof chargebackStates;

/** All states, for schemas and filters. */
export const chargebackStateNames = Object.keys(chargebackStates) as [
  ChargebackState,
  ...ChargebackState[],
];

/** The states of a kind, for statements. */
export function chargebackStatesWhere(
  isSo: (state: ChargebackStateRow) => boolean,
): ChargebackState[] {
  return chargebackStateNames.filter((name) => isSo(chargebackStates[name]));
}

/** The reason of a charge that succeeded and came to nothing after all. */
export const bouncedReason = "bounced";

/** Characters of a name that are kept. */
const maxName = 128;

/**
 * What a charge that bounced is called among the chargebacks: it is one, of which its provider makes no dispute. One a
 * charge.
 */
export function bouncedName(chargeRef: string): string {
  return cutText(`${bouncedReason} ${chargeRef}`, maxName);
}

/** When a chargeback lowers revenue: `never` where its money was no revenue. */
export type LowersRevenue = "opened" | "lost" | "never";

/** What chargebacks take from the payment that settles an order. */
export interface ChargedBack {
  /** Database id of the latest. */
  id: number;
  /** One of them is not decided: its money is withheld. */
  isHeld: boolean;
  /** What is gone, by none of them more than was paid; all of it where it is in another currency than the order's. */
  lostCents: number;
}

/** Orders with what chargebacks take of them, by id; most have none. */
export function withChargebacks<Order extends object>(
  orders: ReadonlyMap<number, Order>,
  chargedBack: ReadonlyMap<number, ChargedBack>,
): ReadonlyMap<number, Order & { chargedBack?: ChargedBack }> {
  if (chargedBack.size === 0) return orders;
  return new Map([...orders].map(([id, order]) => {
    const taken = chargedBack.get(id);
    return [id, taken === undefined ? order : { ...order, chargedBack: taken }];
  }));
}

/** What a provider or a report says of a chargeback. Times are UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
export interface ToldChargeback {
  /** How it is. */
  state: ChargebackState;
  /** What is contested, in minor units of `currency`; may be a part of the charge, or more. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** The provider's word for why. */
  reason: string | null;
  /** Until when it has to be answered; null where no answer is taken, or nobody says. */
  dueBy: string | null;
  /** When it was opened. */
  openedAt: string;
  /** Of what it says. */
  happenedAt: string;
}

/** A chargeback as it is known, as much of it as decides. */
export interface KnownChargeback extends Omit<ToldChargeback, "happenedAt"> {
  /** When its money first moved; null where it did not. */
  withdrawnAt: string | null;
  /** Of what was told last. */
  toldAt: string;
}

/** Money of a chargeback that moves, with its sign; see the table `chargeback_movements`. */
export interface ChargebackMove {
  /** What it tells of. */
  kind: "opened" | "changed" | "held" | "lost";
  /** With its sign. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** On whose day it counts: UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  happenedAt: string;
}

/** What becomes of what is told. */
export type ChargebackDecision =
  /** Something later was told before. */
  | { kind: "late" }
  /** Nothing is different, but that it was so still. */
  | { kind: "unchanged"; toldAt: string }
  | {
    kind: "change";
    after: KnownChargeback;
    /** What it is called on the timeline. */
    step: "opened" | "updated" | "closed";
  };

/**
 * Decides what becomes of what is told. Whatever the sequence in which it comes, what was so last stands in the end.
 *
 * @param known null where nothing was told before
 */
export function decideChargeback(
  known: KnownChargeback | null,
  { happenedAt: toldAt, ...told }: ToldChargeback,
): ChargebackDecision {
  if (known === null) {
    const withdrawnAt = hasMoved(told.state) ? told.openedAt : null;
    const step = chargebackStates[told.state].isClosed ? "closed" : "opened";
    return { kind: "change", after: { ...told, withdrawnAt, toldAt }, step };
  }
  const isLate = toldAt < known.toldAt || (toldAt === known.toldAt &&
    chargebackStates[told.state].rank < chargebackStates[known.state].rank);
  if (isLate) return { kind: "late" };
  const isSame = known.state === told.state && known.amountCents === told.amountCents &&
    known.currency === told.currency && known.reason === told.reason && known.dueBy === told.dueBy;
  if (isSame) return { kind: "unchanged", toldAt };
  const { openedAt } = known;
  const withdrawnAt = known.withdrawnAt ?? (hasMoved(told.state) ? toldAt : null);
  const isClosing = chargebackStates[told.state].isClosed && known.state !== told.state;
  return {
    kind: "change",
    after: { ...told, openedAt, withdrawnAt, toldAt },
    step: isClosing ? "closed" : "updated",
  };
}

/** How a chargeback ended, as a person says it: `won` is that its money is ours, `lost` that it is gone. */
export const chargebackOutcomes = ["won", "lost"] as const;

/** See {@linkcode chargebackOutcomes}. */
export type ChargebackOutcome = typeof chargebackOutcomes[number];

/** What becomes of what a person says of how a chargeback ended. */
export type OutcomeDecision =
  | { kind: "decide"; state: ChargebackState }
  /** It ended so before. */
  | { kind: "already" }
  /** It ended otherwise before. */
  | { kind: "otherwise" };

/**
 * Decides what becomes of what a person says of how a chargeback ended. An inquiry that ended well never was a chargeback, and
 * is closed as one.
 */
export function decideOutcome(
  state: ChargebackState,
  outcome: ChargebackOutcome,
): OutcomeDecision {
  const { isClosed, money } = chargebackStates[state];
  if (isClosed) {
    return { kind: (money === "lost") === (outcome === "lost") ? "already" : "otherwise" };
  }
  const isInquiry = money === "ours";
  return { kind: "decide", state: isInquiry && outcome === "won" ? "warning_closed" : outcome };
}

/** Stands before what somebody typed about how a chargeback ended, where the timeline tells of it. */
export const beforeChargebackNote = "; noted: ";

/** Whether money was withdrawn by the time that a chargeback is in a state, as far as the state alone says. */
function hasMoved(state: ChargebackState): boolean {
  return chargebackStates[state].money !== "ours" || state === "won";
}

/**
 * The movements that lead from one position of a chargeback to another. One that was over when it was first heard of
 * moves as if each state had been told: what is opened is held from the day on which it was opened.
 *
 * @param before null where none of its movements is written down
 */
export function chargebackMoves(
  before: KnownChargeback | null,
  after: KnownChargeback,
): ChargebackMove[] {
  const { withdrawnAt, toldAt } = after;
  if (withdrawnAt === null) return [];
  const moves: ChargebackMove[] = [];
  const move = (kind: ChargebackMove["kind"], of: Amount, happenedAt: string, sign: 1 | -1 = 1) => {
    const { amountCents, currency } = of;
    moves.push({ kind, amountCents: sign * amountCents, currency, happenedAt });
  };
  let from: Amount & { money: ChargebackMoney };
  if (before === null || before.withdrawnAt === null) {
    move("opened", after, withdrawnAt);
    move("held", after, withdrawnAt);
    from = { ...after, money: "held" };
  } else {
    from = { ...before, money: chargebackStates[before.state].money };
    if (from.currency !== after.currency) {
      move("changed", from, withdrawnAt, -1);
      move("changed", after, withdrawnAt);
    } else if (from.amountCents !== after.amountCents) {
      const amountCents = after.amountCents - from.amountCents;
      move("changed", { ...after, amountCents }, withdrawnAt);
    }
  }
  const { money } = chargebackStates[after.state];
  const isSame = money === from.money && after.amountCents === from.amountCents &&
    after.currency === from.currency;
  if (isSame) return moves;
  if (from.money !== "ours") move(from.money, from, toldAt, -1);
  if (money !== "ours") move(money, after, toldAt);
  return moves;
}

/** So much money of a currency. */
type Amount = Pick<ToldChargeback, "amountCents" | "currency">;
