/**
 * What is to be booked of some orders, by their payments and refunds, and what is wrong in their ledger.
 *
 * @module
 */

import type { LedgerAccount, LedgerSource } from "./chart.ts";
import {
  type Balances,
  chargebackEntries,
  entriesBetween,
  entriesOf,
  type Entry,
  heldEntries,
  isBalanced,
  type Movement,
  refundEntries,
  saleEntries,
  type SaleParts,
} from "./movement.ts";

/** A payment that moved money. */
export interface MovedPayment {
  /** Database id of the order. */
  orderId: number;
  /** 0 for the one that settles the order. */
  surplus: number;
  /** What of it went back by chargebacks, whose rows lead it out: it stays here. In minor units. */
  chargedBackCents: number;
  /** As in `payments.status`. */
  status: string;
  /** In minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** When the money was taken, UTC. */
  takenAt: string;
  /** When the order was settled, UTC; null before. */
  settledAt: string | null;
  /** When it changed last, UTC. */
  changedAt: string;
  /** Whether that is so short ago that a process of a version before may just have done it. */
  isRecent: boolean;
}

/** A refund that was given back. */
export interface MovedRefund {
  /** Database id. */
  id: number;
  /** Database id of the order. */
  orderId: number;
  /** In minor units of `currency`. */
  amountCents: number;
  /** What of it is tax by name. */
  taxCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** When it went back, UTC. */
  processedAt: string;
  /** As of a payment. */
  isRecent: boolean;
}

/** Money that went back twice. */
export interface MovedTwice {
  /** Database id. */
  id: number;
  /** Database id of the order. */
  orderId: number;
  /** In minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** A chargeback took money that paid no order, and was back by then. */
  isOwed: boolean;
  /** How it came out; null before. */
  endedAs: string | null;
  /** When it was noticed, UTC. */
  createdAt: string;
  /** When it changed last, UTC. */
  changedAt: string;
  /** As of a payment. */
  isRecent: boolean;
}

/** A chargeback of an order's money. */
export interface MovedChargeback {
  /** Database id. */
  id: number;
  /** Database id of the order. */
  orderId: number;
  /** What is withheld or gone by now, from 0, in minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** False where its money paid no order: then it was the customer's. */
  isExpense: boolean;
}

/** What is booked of one source on one account. */
export interface Booked {
  /** Database id of the order. */
  orderId: number;
  /** What moved. */
  source: LedgerSource;
  /** Of a payment its surplus, of all else its id. */
  sourceId: number;
  /** On which it stands. */
  account: LedgerAccount;
  /** ISO 4217, upper case. */
  currency: string;
  /** Signed, in minor units. */
  amountCents: number;
  /** Its last movement. */
  step: number;
}

/** What the ledger of some orders should say, and what it says. */
export interface LedgerFacts {
  /** Those that moved money. */
  payments: readonly MovedPayment[];
  /** By order id; those without are absent. */
  parts: ReadonlyMap<number, SaleParts>;
  /** Those that were given back. */
  refunds: readonly MovedRefund[];
  /** What went back twice. */
  twice: readonly MovedTwice[];
  /** Those that are known to be of these orders. */
  chargebacks: readonly MovedChargeback[];
  /** What the ledger says. */
  booked: readonly Booked[];
}

/** What the ledger of a source lacks. */
export interface LedgerGap {
  /** Database id of the order. */
  orderId: number;
  /** What moved. */
  source: LedgerSource;
  /** Of a payment its surplus, of all else its id. */
  sourceId: number;
  /**
   * `missing`: a whole movement is, as one that a process of a version before has made: it can be booked. `wrong`: what is
   * booked follows from nothing, so a person has to look.
   */
  kind: "missing" | "wrong";
  /** Whether what it follows from happened only just now. */
  isRecent: boolean;
  /** What should be booked by now. */
  due: readonly Entry[];
  /** What is. */
  booked: readonly Booked[];
  /** What would make it right. */
  movements: Movement[];
}

/** One source with the states that it went through, each with what is on the accounts by then. */
interface Due {
  orderId: number;
  source: LedgerSource;
  sourceId: number;
  currency: string;
  isRecent: boolean;
  states: { at: string | null; entries: Entry[] }[];
}

/**
 * What of the ledger does not follow from payments, refunds and chargebacks, or is missing. In the order of the facts.
 */
export function findLedgerGaps(facts: LedgerFacts): LedgerGap[] {
  const booked = Map.groupBy(facts.booked, keyOf);
  const gaps: LedgerGap[] = [];
  for (const due of dueOf(facts)) {
    const key = keyOf(due);
    const gap = gapOf(due, booked.get(key) ?? []);
    if (gap !== undefined) gaps.push(gap);
    booked.delete(key);
  }
  for (const rows of booked.values()) {
    const { orderId, source, sourceId, currency } = rows[0]!;
    const nothing = { orderId, source, sourceId, currency, isRecent: false, states: [] };
    const gap = gapOf(nothing, rows);
    if (gap !== undefined) gaps.push(gap);
  }
  return gaps;
}

const keyOf = ({ orderId, source, sourceId }: Pick<Due, "orderId" | "source" | "sourceId">) =>
  `${orderId} ${source} ${sourceId}`;

function dueOf({ payments, parts, refunds, twice, chargebacks }: LedgerFacts): Due[] {
  return [
    ...payments.map((payment): Due => ({
      orderId: payment.orderId,
      source: "payment",
      sourceId: payment.surplus,
      currency: payment.currency,
      isRecent: payment.isRecent,
      states: statesOfPayment(payment, parts.get(payment.orderId)),
    })),
    ...refunds.map(({ id, orderId, amountCents, taxCents, currency, processedAt, isRecent }) => ({
      orderId,
      source: "refund" as const,
      sourceId: id,
      currency,
      isRecent,
      states: [{ at: processedAt, entries: refundEntries(amountCents, taxCents) }],
    })),
    ...twice.map((one): Due => ({
      orderId: one.orderId,
      source: "given_twice",
      sourceId: one.id,
      currency: one.currency,
      isRecent: one.isRecent,
      states: statesOfTwice(one),
    })),
    ...chargebacks.map((one): Due => ({
      orderId: one.orderId,
      source: "chargeback",
      sourceId: one.id,
      currency: one.currency,
      isRecent: false,
      states: [{ at: null, entries: chargebackEntries(one.amountCents, one.isExpense) }],
    })),
  ];
}

function statesOfPayment(
  { status, amountCents, chargedBackCents, takenAt, settledAt, changedAt }: MovedPayment,
  parts: SaleParts | undefined,
): Due["states"] {
  const held = { at: takenAt, entries: heldEntries(amountCents) };
  switch (status) {
    case "SUCCEEDED":
      return [{ at: settledAt ?? takenAt, entries: saleEntries(amountCents, parts) }];
    case "REVERSING":
    case "DISPUTED":
      return [held];
    // Given back, or dealt with otherwise: either way it is the customer's no more. What a chargeback gave back is led out by
    // its rows, on the same accounts.
    default:
      return [held, { at: changedAt, entries: heldEntries(chargedBackCents) }];
  }
}

/**
 * Of what went back by hand and by its provider nothing else is booked, but of a chargeback its own rows say that the customer
 * owes it: then these lead from there to where it ended.
 */
function statesOfTwice(
  { amountCents, isOwed, endedAs, createdAt, changedAt }: MovedTwice,
): Due["states"] {
  const owes = isOwed ? [] : entriesOf({ clearing: -amountCents, customer: amountCents });
  const states = [{ at: createdAt, entries: owes }];
  switch (endedAs) {
    case null:
      return states;
    case "written_off": {
      const from = isOwed ? "customer" : "clearing";
      const entries = entriesOf({ [from]: -amountCents, write_offs: amountCents });
      return [...states, { at: changedAt, entries }];
    }
    // It came back, or went back only once.
    default: {
      const entries = isOwed ? entriesOf({ clearing: amountCents, customer: -amountCents }) : [];
      return [...states, { at: changedAt, entries }];
    }
  }
}

/** What leads from what is booked to the last state, through those before it where nothing is booked. */
function gapOf(due: Due, booked: readonly Booked[]): LedgerGap | undefined {
  const { orderId, source, sourceId, isRecent } = due;
  const currencies = new Set([due.currency, ...booked.map(({ currency }) => currency)]);
  let step = Math.max(0, ...booked.map((row) => row.step));
  const movements: Movement[] = [];
  for (const currency of currencies) {
    let balances: Balances = new Map(
      booked.filter((row) => row.currency === currency)
        .map(({ account, amountCents }) => [account, amountCents]),
    );
    const states = currency === due.currency ? due.states : [];
    const path = booked.length === 0 ? states : states.slice(-1);
    for (const { at, entries: after } of path.length === 0 ? [{ at: null, entries: [] }] : path) {
      const entries = entriesBetween(balances, after);
      if (entries.length === 0) continue;
      movements.push({ orderId, source, sourceId, step: ++step, currency, at, entries });
      balances = new Map(after.map(({ account, amountCents }) => [account, amountCents]));
    }
  }
  if (movements.length === 0) return undefined;
  const kind = kindOf(due, booked);
  const last = due.states.at(-1)?.entries ?? [];
  return { orderId, source, sourceId, kind, isRecent, due: last, booked, movements };
}

/**
 * The accounts on which a source waits for what becomes of it, which is booked once it has. A chargeback waits for nothing: each
 * change is booked with it.
 */
const waitingOn: Partial<Record<LedgerSource, readonly LedgerAccount[]>> = {
  payment: ["clearing", "customer"],
  refund: ["clearing", "customer"],
  given_twice: ["clearing", "customer", "write_offs"],
};

/** Whether what is booked is nothing, or money that was held or owed, of which more has become since. */
function kindOf({ states, source }: Due, booked: readonly Booked[]): LedgerGap["kind"] {
  const moved = booked.filter(({ amountCents }) => amountCents !== 0);
  const waiting = waitingOn[source] ?? [];
  const isHeld = moved.every(({ account }) => waiting.includes(account)) &&
    [...Map.groupBy(moved, ({ currency }) => currency).values()].every(isBalanced);
  return states.length > 0 && isHeld ? "missing" : "wrong";
}
