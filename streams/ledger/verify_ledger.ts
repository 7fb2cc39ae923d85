/**
 * The check of the ledger: it comes to nothing, says what payments and refunds do, and closed days are as they were.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import type { UnevenLedgerDay } from "../../db/ledger/day_sums.ts";
import type { BrokenMovement } from "../../db/ledger/ledger_sums.ts";
import { readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import { listUnevenDays } from "../../db/ledger/provider_rows.ts";
import { listUnsealedDays } from "../../db/ledger/ledger_seals.ts";
import { providerAccounts, sourcesOfNoOrder } from "../../domain/ledger/chart.ts";
import { exactAmount } from "../../domain/money.ts";
import type { Scope } from "../../db/verification/scope.ts";
import type { LedgerGap } from "../../domain/ledger/due_movements.ts";
import type { Entry } from "../../domain/ledger/movement.ts";
import { addDrift, addDrifts, type Drifts, noDrifts } from "../verification/drift.ts";
import { findGaps } from "./find_gaps.ts";
import { brokenLedgerSeals } from "./prove_days.ts";

/** How far the ledger is. */
export interface LedgerReport {
  /** Whether everything of before the ledger has its rows. */
  complete: boolean;
  /** Orders up to this id have; everything counts from there on as soon as it happens. */
  booked_up_to: number;
  /** Movements that a process of a version before made just now, and that are booked within minutes. */
  waiting: number;
  /** `YYYY-MM-DD`, UTC: nothing is booked any more on days up to this one; null where none is closed. */
  closed_day: string | null;
}

/**
 * Proves the ledger, in a snapshot: each movement and so each currency comes to nothing; every paid order is booked as sold for
 * its total in its currency, of which the figures of each day are the sums, every processed refund as given back, money that
 * pays no order as the customer's, and what each chargeback withholds or has taken; what providers kept, paid out, held back and took
 * off otherwise is what their days say; and closed days are as they were sealed.
 *
 * @param scopes the orders that are looked at
 */
export async function verifyLedger(
  tx: Queryable,
  scopes: readonly Scope[],
): Promise<{ drifts: Drifts; report: LedgerReport }> {
  const drifts = noDrifts();
  const { gaps, broken, more, totals, unevenDays } = await findGaps(tx, scopes);
  let waiting = 0;
  for (const gap of gaps) {
    if (gap.kind === "missing" && gap.isRecent) waiting++;
    else addGap(drifts, gap);
  }
  if (more > 0) {
    const what = `of ledger and books differ, for 4096 orders each`;
    addDrift(drifts, { subject: "ledger", what: `sums ${what}`, expected: 0, found: more }, true);
  }
  for (const [currency, cents] of totals) {
    if (cents === 0n) continue;
    const what = "trial balance of the ledger";
    addDrift(drifts, { subject: currency, what, expected: 0, found: exactAmount(cents) }, true);
  }
  const providerDays = await addUnevenProviderDays(tx, drifts);
  for (const movement of broken) {
    // Of providers their days tell, by what is theirs.
    const isTold = providerDays > 0 && sourcesOfNoOrder.some((name) => name === movement.source);
    if (!isTold) addBroken(drifts, movement);
  }
  for (const day of unevenDays) addUnevenLedgerDay(drifts, day);
  const { isComplete, ordersUpTo, closedDay, sealedDay } = await readLedgerMarks(tx);
  for (const broken of await brokenLedgerSeals(tx)) addDrifts(drifts, broken);
  for (const day of sealedDay === null ? [] : await listUnsealedDays(tx, sealedDay)) {
    const subject = `ledger of ${day}`;
    addDrift(
      drifts,
      { subject, what: "rows of a closed day", expected: null, found: "some" },
      true,
    );
  }
  const report = {
    complete: isComplete,
    booked_up_to: ordersUpTo,
    waiting,
    closed_day: closedDay,
  };
  return { drifts, report };
}

/** Days whose fees, payouts and the like are told one by one; of more, only that there are. */
const maxDays = 100;

/** @returns how many there are */
async function addUnevenProviderDays(tx: Queryable, drifts: Drifts): Promise<number> {
  const uneven = await listUnevenDays(tx, maxDays + 1);
  for (const one of uneven.slice(0, maxDays)) {
    const { source, id, provider, day, currency, dueCents, foundCents, isMisplaced } = one;
    const misplaced = isMisplaced ? ", and on other accounts" : "";
    addDrift(drifts, {
      subject: provider === null ? `${source} ${id}` : `${provider} ${day}`,
      what: `its ${providerAccounts[source].called} in ${currency} in the ledger`,
      expected: dueCents,
      found: isMisplaced ? `${foundCents}${misplaced}` : foundCents,
    }, true);
  }
  if (uneven.length > maxDays) {
    const what =
      "further days of providers whose fees, payouts, reserves, adjustments or conversions differ";
    addDrift(drifts, { subject: "ledger", what, expected: null, found: "some" }, true);
  }
  return uneven.length;
}

function addUnevenLedgerDay(
  drifts: Drifts,
  { day, account, currency, sealed, found }: UnevenLedgerDay,
): void {
  const text = ({ rows, debitCents, creditCents }: UnevenLedgerDay["found"]) =>
    `${rows} rows, debit ${debitCents}, credit ${creditCents}`;
  addDrift(drifts, {
    subject: `ledger of ${day}`,
    what: `rows of account ${account} in ${currency} of a closed day`,
    expected: text(sealed),
    found: text(found),
  }, true);
}

function addBroken(drifts: Drifts, movement: BrokenMovement): void {
  const { orderId, step, currency, totalCents } = movement;
  const [expected, found] = totalCents === 0n
    ? ["on the day of its moment", "on another"]
    : [0, exactAmount(totalCents)];
  addDrift(drifts, {
    subject: subjectOf(orderId),
    what: `movement ${step} of its ${nameOf(movement)} in ${currency} in the ledger`,
    expected,
    found,
  }, true);
}

const subjectOf = (orderId: number) => orderId === 0 ? "no order" : `order ${orderId}`;

function nameOf({ source, sourceId }: { source: string; sourceId: number }): string {
  if (source !== "payment") return `${source} ${sourceId}`;
  return sourceId === 0 ? "payment" : `payment beside it ${sourceId}`;
}

function addGap(drifts: Drifts, gap: LedgerGap): void {
  const { orderId, kind, due, booked } = gap;
  addDrift(drifts, {
    subject: subjectOf(orderId),
    what: `its ${nameOf(gap)} in the ledger`,
    expected: entryText(due),
    found: entryText(booked.filter(({ amountCents }) => amountCents !== 0)),
  }, kind === "wrong");
}

function entryText(entries: readonly (Entry & { currency?: string })[]): string | null {
  if (entries.length === 0) return null;
  return entries.map(({ account, amountCents, currency }) =>
    `${account} ${amountCents}${currency === undefined ? "" : ` ${currency}`}`
  ).join(", ");
}
