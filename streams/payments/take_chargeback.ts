/**
 * Takes what providers and reports say of chargebacks.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import { type Database, type Queryable, transactionTries } from "../../db/connection/database.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import {
  type ChargebackNames,
  type ChargebackRow,
  type ChargedPayment,
  findChargeback,
  findChargedPayment,
  insertChargeback,
  listMatchable,
  lockChargeback,
  moveChargeback,
  noteToldAgain,
  updateChargeback,
} from "../../db/payments/chargebacks.ts";
import { markReversed } from "../../db/payments/payments.ts";
import {
  lostByChargeback,
  noteReturned,
  reopenReturned,
} from "../../db/payments/returned_money.ts";
import { readReversalState } from "../../db/payments/returned_reversals.ts";
import { endPaymentByHand, leavePaymentToPerson } from "../../db/refunds/refunds_by_hand.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Log } from "../../domain/operation/log.ts";
import {
  beforeChargebackNote,
  chargebackMoves,
  chargebackStates,
  decideChargeback,
  type KnownChargeback,
  type LowersRevenue,
  type ToldChargeback,
} from "../../domain/payment/chargeback.ts";
import { owedCents } from "../../domain/refund/returned.ts";
import { bookOrders } from "../ledger/book_orders.ts";
import { noteChargedBackTwice } from "./given_twice.ts";

/** What taking them works with. */
export interface ChargebackDeps {
  db: Database;
  log: Log;
  /** When a chargeback that comes now lowers revenue. */
  chargebackRevenue: Exclude<LowersRevenue, "never">;
}

/** What is told of a chargeback; times are UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
export interface ChargebackNews extends ChargebackNames, ToldChargeback {}

/** What became of what was told. */
export interface TakenChargeback {
  /** Database id of the chargeback. */
  id: number;
  /** Database id of the order; null where no payment here has a name of the charge. */
  orderId: number | null;
  /**
   * `late` where something later had been told; `unchanged` where it said nothing new.
   */
  outcome: "taken" | "unchanged" | "late";
}

/**
 * What a person says of a chargeback in the place of its provider. It stands at the moment of the provider's latest word, so that
 * whatever the provider says of later counts, also where that was before the person spoke; its money moves today.
 */
export interface SaidByPerson {
  /** As they have seen it: where it is otherwise by now nothing is written, and the outcome is `late`. */
  seen: Pick<ChargebackRow, "changes" | "toldAt">;
  /** Why they say so, for the timeline. */
  note: string | null;
  /** Is called where something changed, in the same transaction. */
  inTransaction: (tx: Queryable, id: number) => Promise<void>;
}

/** Another transaction has written of the same chargeback, or its payment, meanwhile. */
class Overtaken extends Error {}

/**
 * Writes down what is told of a chargeback, in one transaction under the order's lock: the chargeback, what its money moves,
 * the step on the timeline, and what of the same money went back otherwise as well. Told twice, it is one; told in another
 * sequence, what was so last stands. Money that was to be given back, and went back by a chargeback that is lost no more, is to
 * be given back again; what was dismissed because the bank had it waits for a decision again. Stock is left alone.
 *
 * A crash leaves all of it or nothing. What is to be counted is found by its rows, see `streams/kpis/count_chargebacks.ts`.
 *
 * @param actor who tells it, for the timeline
 * @param byPerson where it is no provider's word
 */
export async function takeChargeback(
  deps: ChargebackDeps,
  news: ChargebackNews,
  actor: string,
  byPerson?: SaidByPerson,
): Promise<TakenChargeback> {
  return await untilDone(() =>
    deps.db.transaction(async (tx) => {
      const taken = await takeOnce(deps, tx, news, { actor, byPerson });
      if (taken.outcome === "taken") await byPerson?.inTransaction(tx, taken.id);
      return taken;
    })
  );
}

/** Chargebacks that are matched by one look. */
const matchLimit = 100;

/**
 * Gives chargebacks of unknown charges to the orders whose payments have come since.
 *
 * @returns how many
 */
export async function matchChargebacks(deps: ChargebackDeps, actor: string): Promise<number> {
  const found = await listMatchable(deps.db, matchLimit);
  for (const { toldAt: happenedAt, ...one } of found) {
    await takeChargeback(deps, { ...one, happenedAt }, actor);
  }
  return found.length;
}

async function untilDone<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await run();
    } catch (error) {
      const isAgain = error instanceof Overtaken || isDuplicateKey(error);
      if (!isAgain || attempt >= transactionTries) throw error;
    }
  }
}

async function takeOnce(
  deps: ChargebackDeps,
  tx: Queryable,
  news: ChargebackNews,
  { actor, byPerson }: { actor: string; byPerson: SaidByPerson | undefined },
): Promise<TakenChargeback> {
  const { known, payment, now } = await lockAll(tx, news);
  const isAsSeen = byPerson === undefined ||
    (known?.changes === byPerson.seen.changes && known.toldAt === byPerson.seen.toldAt);
  const decision = isAsSeen ? decideChargeback(known ?? null, news) : { kind: "late" } as const;
  const isFound = known !== undefined && known.orderId === null && payment !== undefined;
  const orderId = known?.orderId ?? payment?.orderId ?? null;
  if (known !== undefined && decision.kind !== "change" && !(isFound && isAsSeen)) {
    if (decision.kind === "unchanged") await noteToldAgain(tx, known.id, decision.toldAt);
    return { id: known.id, orderId, outcome: decision.kind };
  }
  const told = decision.kind === "change" ? decision.after : known!;
  const after = byPerson === undefined ? told : takenToday(told, known, now);
  const placed = {
    orderId,
    paymentId: known?.paymentId ?? payment?.paymentId ?? null,
    lowersRevenue: lowersOf(deps, known, payment),
  };
  if (orderId !== null) await restoreOrders(tx, [orderId]);
  let id = known?.id;
  if (known === undefined) {
    id = await insertChargeback(tx, { ...after, ...namesOf(news), ...placed });
  } else await updateChargeback(tx, known, { ...after, ...placed });
  const written = { id: id!, change: (known?.changes ?? 0) + 1, ...placed };
  if (orderId === null) {
    deps.log.warn("chargeback of a charge that no payment here has", {
      provider: news.provider,
      chargeback: news.providerRef,
      charge: news.chargeRefs.join(" "),
    });
    return { id: written.id, orderId, outcome: "taken" };
  }
  const step = decision.kind === "change" && !isFound
    ? decision.step
    : chargebackStates[after.state].isClosed
    ? "closed"
    : "opened";
  await moveChargeback(
    tx,
    { ...written, orderId },
    chargebackMoves(
      known === undefined || isFound ? null : known,
      byPerson === undefined ? after : { ...after, toldAt: now },
    ),
  );
  const detail = detailOf(after, payment) + noteOf(byPerson);
  await addOrderEvents(tx, [{ orderId, event: `chargeback_${step}`, detail }], actor);
  // Of a sale all is booked by now. What was to be given back, or was, waits for what becomes of the chargeback.
  const waits = written.lowersRevenue === "never";
  if (waits) {
    const paymentId = written.paymentId!;
    await lookAfterAgain(tx, { orderId, paymentId }, actor);
    await endLostByHand(tx, paymentId, actor);
  }
  await noteChargedBackTwice({ log: deps.log, consumer: actor }, tx, [orderId]);
  if (waits) await bookOrders(tx, [orderId], now);
  return { id: written.id, orderId, outcome: "taken" };
}

/** What went back by chargebacks, and is lost no more, is owed or to be decided about again. */
async function lookAfterAgain(
  tx: Queryable,
  of: { orderId: number; paymentId: number },
  actor: string,
): Promise<void> {
  const { orderId, paymentId } = of;
  switch (await reopenReturned(tx, of)) {
    case "disputed": {
      // A part of it may wait for a person to give it back: all of it is to be decided about now, and would go back twice.
      await endPaymentByHand(tx, paymentId);
      const { amountCents, currency, providerRef } = (await readReversalState(tx, paymentId))!;
      const detail = `${namedAmount(amountCents, currency)} by ${providerRef}: ${lostNoMore}`;
      await addOrderEvents(tx, [{ orderId, event: "payment_disputed", detail }], actor);
      break;
    }
    case "in_part":
      await leavePart(tx, paymentId, actor);
      break;
    case "given_back":
    case undefined:
  }
}

const lostNoMore = "the chargeback is lost no more";

/** What a chargeback gave back of a payment, and is lost no more, is for the person who dealt with its rest. */
async function leavePart(tx: Queryable, paymentId: number, actor: string): Promise<void> {
  const payment = await readReversalState(tx, paymentId);
  if (payment === undefined || !await leavePaymentToPerson(tx, paymentId)) return;
  const amount = namedAmount(payment.gaveBackCents - payment.lostCents, payment.currency);
  const detail = `${amount}: ${lostNoMore}`;
  const step = { orderId: payment.orderId, event: "payment_by_hand", detail } as const;
  await addOrderEvents(tx, [step], actor);
}

/** What waits for a person is over where the customer's bank has taken all of it: nobody is to give it back besides. */
async function endLostByHand(tx: Queryable, paymentId: number, actor: string): Promise<void> {
  const payment = await readReversalState(tx, paymentId);
  if (payment === undefined || owedCents(payment) > 0) return;
  // Else its own message ends it.
  if (!await endPaymentByHand(tx, paymentId) || payment.status !== "REVERSING") return;
  if (!await markReversed(tx, paymentId)) {
    throw new Overtaken("a payment is not REVERSING any more");
  }
  await noteReturned(tx, payment);
  const { orderId, amountCents, currency } = payment;
  const detail = lostByChargeback(namedAmount(amountCents, currency));
  await addOrderEvents(tx, [{ orderId, event: "payment_reversed", detail }], actor);
}

/** Locks the order first, as everybody does, then the chargeback; and looks whether it is still the order's. */
async function lockAll(
  tx: Queryable,
  news: ChargebackNews,
): Promise<
  { known: ChargebackRow | undefined; payment: ChargedPayment | undefined; now: string }
> {
  const seen = await findChargeback(tx, news);
  const names = { ...news, chargeRefs: [...news.chargeRefs, ...seen?.chargeRefs ?? []] };
  const before = await findChargedPayment(tx, names);
  const orderId = seen?.orderId ?? before?.orderId ?? null;
  const { now } = await lockOrders(tx, orderId === null ? [] : [orderId]);
  const known = await lockChargeback(tx, news);
  const payment = await findChargedPayment(tx, names);
  const isSame = (known?.orderId ?? null) === (seen?.orderId ?? null) &&
    (known === undefined) === (seen === undefined) && payment?.orderId === before?.orderId;
  if (!isSame) throw new Overtaken("a chargeback was written by somebody else meanwhile");
  // Another charge of the same name belongs to no order that this one was given to before.
  const isOwn = known === undefined || known.orderId === null || known.orderId === payment?.orderId;
  return { known, payment: isOwn ? payment : undefined, now };
}

/** What a person says of money that was with us so far: nobody knows since when it is gone, and it moves today. */
function takenToday(
  after: KnownChargeback,
  known: KnownChargeback | undefined,
  now: string,
): KnownChargeback {
  const isFirst = known?.withdrawnAt == null && after.withdrawnAt !== null;
  return isFirst ? { ...after, withdrawnAt: now } : after;
}

function namesOf({ provider, providerRef, chargeRefs }: ChargebackNews): ChargebackNames {
  return { provider, providerRef, chargeRefs };
}

/** When it lowers revenue is said once, when its payment is known. */
function lowersOf(
  { chargebackRevenue }: ChargebackDeps,
  known: ChargebackRow | undefined,
  payment: ChargedPayment | undefined,
): LowersRevenue {
  if (known !== undefined && known.orderId !== null) return known.lowersRevenue;
  return payment === undefined || payment.isRevenue ? chargebackRevenue : "never";
}

function noteOf(byPerson: SaidByPerson | undefined): string {
  return byPerson?.note == null ? "" : `${beforeChargebackNote}${byPerson.note}`;
}

/** `20.00 EUR, lost: fraudulent`, and what is odd about it. */
function detailOf(after: KnownChargeback, payment: ChargedPayment | undefined): string {
  const { amountCents, currency, state, reason, dueBy } = after;
  const { words, needsResponse } = chargebackStates[state];
  const said = [
    `${namedAmount(amountCents, currency)}, ${words.toLowerCase()}`,
    ...(needsResponse && dueBy !== null ? [`until ${dueBy.slice(0, 16)} UTC`] : []),
  ].join(" ");
  const odd = payment === undefined
    ? ""
    : payment.currency !== currency
    ? `; the charge was of ${namedAmount(payment.amountCents, payment.currency)}`
    : payment.amountCents < amountCents
    ? `; more than the ${namedAmount(payment.amountCents, currency)} of the charge`
    : "";
  return `${said}${reason === null ? "" : `: ${reason}`}${odd}`;
}
