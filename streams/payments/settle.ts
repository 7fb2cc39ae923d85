/**
 * Settles orders by the gateway's answers: those that come as messages, and those that it gives at once.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { restoreOrders } from "../../db/archive/archive.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import { isRefused } from "../../db/connection/refuse_unless.ts";
import { readChargeKeys } from "../../db/payments/charge_keys.ts";
import { addOrderEvents, type OrderEventRow } from "../../db/orders/timelines.ts";
import { type ChargeFacts, readCharges, transitionOrders } from "../../db/orders/orders.ts";
import {
  readDisputes,
  recordDispute,
  recordSecondPayment,
  settleDispute,
} from "../../db/payments/payment_disputes.ts";
import {
  insertSourcePayments,
  readSourcePayments,
  type SourcePayment,
} from "../../db/payments/source_payments.ts";
import {
  insertPayments,
  type PaymentRow,
  readOwner,
  readPayments,
  type RecordedPayment,
  recordLatePayment,
  refuseUnlessPaid,
} from "../../db/payments/payments.ts";
import { readSaleParts } from "../../db/ledger/sale_parts.ts";
import { addReopenedPayment } from "../../db/verification/seals.ts";
import { noteSupersededOutcome } from "../../db/payments/superseded_charges.ts";
import { effectsOfOrder } from "../../domain/order/effects.ts";
import type { CallbackMessage, ReversalMessage } from "../../domain/messages/messages.ts";
import type { SaleParts } from "../../domain/ledger/movement.ts";
import { namedAmount } from "../../domain/money.ts";
import { orderAfter, type OrderFacts } from "../../domain/order/order.ts";
import { decideSettle, decideSuperseded, type RecordedMoney } from "../../domain/order/settle.ts";
import {
  type Delivery,
  done,
  type HandlerDeps,
  type Outcome,
  vanished,
  withFollowUps,
} from "../workflow/handler.ts";
import { orderHeld, orderLocks } from "../workflow/order_locks.ts";
import { isSmallBatch } from "../workflow/small_batch.ts";
import { anyHolds, endHeld } from "./held_money.ts";
import { bookOrders, bookSales } from "../ledger/book_orders.ts";
import { restock } from "./restock.ts";
import { takeBounced } from "./take_bounced.ts";
import {
  readSuperseded,
  type Superseded,
  supersededBy,
  type SupersededMoney,
} from "./superseded_money.ts";

/** What a batch of answers found, and what it will write. */
interface Settling {
  /** As they will stand, by id. */
  orders: Map<number, OrderFacts>;
  /** The money that was recorded first for each order. */
  recorded: Map<number, RecordedMoney>;
  /** What reserved orders were paid by at their source. */
  sources: ReadonlyMap<number, SourcePayment>;
  /** Under which each order may have been charged, of those that answers with a key name. */
  keysOf: ReadonlyMap<number, readonly (string | undefined)[]>;
  /** What edits have superseded, of those orders of which something was. */
  superseded: ReadonlyMap<number, SupersededMoney>;
  /** Whose the payments are that the answers name; undefined where that was not asked. */
  owners: Map<string, number> | undefined;
  /** The moment of locking, UTC. */
  now: string;
  paid: number[];
  declined: number[];
  payments: PaymentRow[];
  /** Those of the paid orders whose payment is the source's. */
  paidAtSource: number[];
  /** Disputed money that is the order's total after all. */
  mended: CallbackMessage[];
  /** Money that came too late, does not fit or came besides, and the place of its outcome. */
  unexpected: {
    kind: "late" | "disputed" | "second" | "superseded";
    message: CallbackMessage;
    index: number;
  }[];
  /** Superseded charges of which is known now what became of them. */
  ended: { id: number; outcome: "declined" | "succeeded" }[];
  /** Places of the answers that say of a paid order's charge that it was declined. */
  takenBack: number[];
  events: OrderEventRow[];
}

/**
 * Settles the orders of a batch of answers in one transaction: payment row and `PAID`, or payment row,
 * `FAILED` and the stock back. Money that does not fit its order is recorded as `DISPUTED`, and the order is
 * held until a person decides.
 *
 * A crash leaves all of it or nothing. Redelivery meets settled orders and repeats their effects. What a provider says that
 * it declined although an order was paid by it is asked about afterwards, see {@linkcode takeBounced}.
 */
export async function settlePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<CallbackMessage>[],
): Promise<Outcome[]> {
  const { outcomes, takenBack } = await settleOrLook(deps, deliveries);
  for (const index of takenBack) {
    const taken = await takeBounced(deps, deliveries[index]!.message);
    if (taken !== undefined) outcomes[index] = taken;
  }
  return outcomes;
}

/** What became of a batch, and the places of those whose order was paid by what they say was declined. */
interface Settled {
  outcomes: Outcome[];
  takenBack: number[];
}

async function settleOrLook(
  deps: HandlerDeps,
  deliveries: readonly Delivery<CallbackMessage>[],
): Promise<Settled> {
  try {
    return await settleBatch(deps, deliveries, { looksForOwners: false });
  } catch (error) {
    // A payment of another order has the name of one of these charges. That is rare, so whose it is is asked only now.
    if (!isDuplicateKey(error) && !(error instanceof ArchivedPayment)) throw error;
    return await settleBatch(deps, deliveries, { looksForOwners: true });
  }
}

/** A payment of an archived order has the name of one of the charges, as a duplicate key says of other orders. */
class ArchivedPayment extends Error {}

/** @param options.looksForOwners leave out answers whose payment is on record as another order's */
function settleBatch(
  deps: HandlerDeps,
  deliveries: readonly Delivery<CallbackMessage>[],
  { looksForOwners }: { looksForOwners: boolean },
): Promise<Settled> {
  const lock = orderLocks(deps.db);
  return deps.db.transaction(async (tx) => {
    const ids = [...new Set(deliveries.map(({ message }) => message.orderId))];
    const isSmall = isSmallBatch(ids);
    const { orders, now, held, beside } = await lock(
      tx,
      ids,
      isSmall ? () => readBeside(tx, ids) : undefined,
    );
    const charges = await chargesOf(tx, deliveries, orders);
    const settling: Settling = {
      orders,
      recorded: await readRecorded(tx, [...orders.values()], beside?.disputes),
      sources: await readSources(tx, [...orders.values()]),
      keysOf: charges.length === 0 ? new Map() : await readChargeKeys(tx, charges),
      superseded: await readSuperseded(tx, charges),
      owners: looksForOwners ? await readOwners(tx, deliveries) : undefined,
      now,
      paid: [],
      declined: [],
      payments: [],
      paidAtSource: [],
      mended: [],
      unexpected: [],
      ended: [],
      takenBack: [],
      events: [],
    };
    const outcomes = deliveries.map((delivery, index) => {
      const { orderId } = delivery.message;
      return held.has(orderId) ? orderHeld(orderId) : settleOne(deps, settling, delivery, index);
    });
    const { paid, declined, payments, events } = settling;
    const isUsual = settling.unexpected.length + settling.mended.length === 0;
    if (isSmall && isUsual && beside?.parts.size === 0 && areAllPaid(deps, settling)) {
      await writePaid(deps, tx, settling);
      return { outcomes, takenBack: settling.takenBack };
    }
    // Asked for at once, and run in this order.
    const [inserted, parts] = await Promise.all([
      insertPayments(tx, payments, now),
      beside?.parts ?? readSaleParts(tx, paid),
      transitionOrders(tx, "pay", paid, now),
      transitionOrders(tx, "decline", declined, now),
      insertSourcePayments(tx, settling.paidAtSource, "SUCCEEDED", now),
      addOrderEvents(tx, isUsual ? events : [], deps.consumer),
    ]);
    if (inserted < payments.length) throw new ArchivedPayment();
    await recordUnexpected(deps, tx, settling, outcomes);
    if (!isUsual) await addOrderEvents(tx, events, deps.consumer);
    for (const { id, outcome } of settling.ended) await noteSupersededOutcome(tx, id, outcome);
    const answers = deliveries.map(({ message }) => message);
    await endHeld(deps, tx, answers.filter((_, index) => outcomes[index]!.kind === "done"));
    if (isUsual && declined.length === 0 && parts.size === 0) tx.asksLast?.();
    await book(tx, settling, parts);
    // Last, because other consumers wait for products that are locked here.
    const followed = withFollowUps(outcomes, await restock(tx, declined));
    return { outcomes: followed, takenBack: settling.takenBack };
  });
}

/** What is needed of few orders besides their rows, asked for at once. */
async function readBeside(tx: Queryable, orderIds: readonly number[]) {
  const [disputes, parts] = await Promise.all([
    readDisputes(tx, orderIds),
    readSaleParts(tx, orderIds),
  ]);
  return { disputes, parts };
}

/** Whether all that a batch does is that orders are paid by payments of their own. */
function areAllPaid(
  deps: HandlerDeps,
  { paid, declined, payments, paidAtSource, ended }: Settling,
): boolean {
  return paid.length > 0 && declined.length + paidAtSource.length + ended.length === 0 &&
    payments.length === paid.length && !anyHolds(deps);
}

/**
 * Writes that orders are paid, all of it sales, and commits with that.
 *
 * @throws {ArchivedPayment} where the name of one payment may be that of an archived order's
 */
async function writePaid(
  deps: HandlerDeps,
  tx: Queryable,
  { orders, paid, payments, events, now }: Settling,
): Promise<void> {
  const sales = paid.map((orderId) => {
    const { totalCents, currency } = orders.get(orderId)!;
    return { orderId, totalCents, currency };
  });
  try {
    // What costs nothing is not booked.
    tx.asksLast?.(sales.some(({ totalCents }) => totalCents > 0) ? 5 : 4);
    await Promise.all([
      insertPayments(tx, payments, now),
      transitionOrders(tx, "pay", paid, now),
      addOrderEvents(tx, events, deps.consumer),
      refuseUnlessPaid(tx, paid, now),
      bookSales(tx, sales, new Map(), now),
    ]);
  } catch (error) {
    if (isRefused(error)) {
      throw new ArchivedPayment("Not each order has its payment", { cause: error });
    }
    throw error;
  }
}

/** Books what was paid, and whatever money came besides or went another way. */
async function book(
  tx: Queryable,
  settling: Settling,
  parts: ReadonlyMap<number, SaleParts>,
): Promise<void> {
  const { orders, paid, mended, unexpected, now } = settling;
  const others = new Set([...mended, ...unexpected.map(({ message }) => message)]
    .map(({ orderId }) => orderId));
  const sales = paid.flatMap((orderId) => {
    if (others.has(orderId)) return [];
    const { totalCents, currency } = orders.get(orderId)!;
    return [{ orderId, totalCents, currency }];
  });
  await bookSales(tx, sales, parts, now);
  await bookOrders(tx, [...others], now);
}

/**
 * Money that goes back or went back counts as well: its reversal does not cover a second payment.
 *
 * @param disputes of all the orders, where they were read already
 */
async function readRecorded(
  tx: Queryable,
  orders: readonly OrderFacts[],
  disputes: readonly RecordedPayment[] | undefined,
): Promise<Map<number, RecordedMoney>> {
  const idsOf = (settled: boolean) =>
    orders.filter(({ settledAt }) => (settledAt !== null) === settled).map(({ id }) => id);
  const open = new Set(idsOf(false));
  const payments = [
    ...(await readPayments(tx, idsOf(true))).values(),
    ...(disputes ?? await readDisputes(tx, [...open])).filter(({ orderId, surplus }) =>
      open.has(orderId) && surplus === 0
    ),
  ];
  const currencyOf = new Map(orders.map(({ id, currency }) => [id, currency]));
  return new Map(
    payments.filter(({ status }) => status !== "DECLINED").map((payment) => [payment.orderId, {
      providerRef: payment.providerRef,
      amountCents: payment.amountCents,
      currency: payment.currency ?? currencyOf.get(payment.orderId)!,
      disputed: payment.status === "DISPUTED",
    }]),
  );
}

/** What reserved orders of a batch were paid by at their source; costs nothing where none was. */
function readSources(
  tx: Queryable,
  orders: readonly OrderFacts[],
): Promise<Map<number, SourcePayment>> {
  return readSourcePayments(
    tx,
    orders.filter(({ status, paidAtSource }) => status === "RESERVED" && paidAtSource)
      .map(({ id }) => id),
  );
}

/**
 * An answer may be about a charge of an edit that this server does not know yet.
 *
 * @returns the outcome, which {@linkcode recordUnexpected} may still add to
 */
function settleOne(
  deps: HandlerDeps,
  settling: Settling,
  { message, attempt }: Delivery<CallbackMessage>,
  index: number,
): Outcome {
  const { orders, recorded } = settling;
  const { orderId, key } = message;
  const order = orders.get(orderId);
  if (order === undefined) return vanished("order", orderId);
  const superseded = supersededBy(settling.superseded.get(orderId), message);
  if (superseded !== undefined) return endSuperseded(deps, settling, superseded, message, index);
  if (key !== undefined && !settling.keysOf.get(orderId)?.includes(key)) {
    return {
      kind: "dead",
      error: `the answer to charge ${key} is not about order ${orderId}`,
      early: true,
    };
  }
  const before = recorded.get(orderId) ?? null;
  const source = settling.sources.get(orderId);
  const answer = source === undefined
    ? message
    : { ...message, isSourcePayment: isOf(source, message) };
  switch (decideSettle(order, answer, before).kind) {
    case "pay":
      if (isAnothers(settling, message)) return anothersOutcome(settling, message);
      if (source !== undefined && source.ownerId !== null) {
        return { kind: "dead", error: anothersPayment(message, source.ownerId) };
      }
      notePaid(settling, order, message, attempt);
      break;
    case "decline":
      if (isAnothers(settling, message)) return anothersOutcome(settling, message);
      noteDeclined(settling, order, message, attempt);
      break;
    case "already_settled":
    case "already_disputed":
      break;
    case "late_success": {
      settling.unexpected.push({ kind: "late", message, index });
      if (before === null) recorded.set(orderId, moneyOf(message, false));
      const { messages, kpis } = effectsOfOrder(order, deps.kpiDay);
      return done({ messages: [...messages, reversalOf(message)], kpis });
    }
    case "dispute":
      settling.unexpected.push({ kind: "disputed", message, index });
      recorded.set(orderId, moneyOf(message, true));
      break;
    case "second_payment":
      settling.unexpected.push({ kind: "second", message, index });
      break;
    case "too_early":
      return {
        kind: "retry",
        error: `order ${orderId} was paid before it was reserved`,
        early: true,
      };
    case "source_first":
      return {
        kind: "retry",
        error: `order ${orderId} is paid at its source, and this is other money`,
      };
    case "taken_back":
      return noteTakenBack(settling, index, takenBack(message, before!));
    case "wrong_amount":
      return { kind: "dead", error: wrongAmount(order, message, before), early: true };
  }
  return done(effectsOfOrder(orders.get(orderId)!, deps.kpiDay));
}

/** Whether an answer is about the payment that was made at the source. */
function isOf({ provider, reference }: SourcePayment, answer: CallbackMessage): boolean {
  return answer.provider === provider && answer.providerRef === reference;
}

/** What an answer is, once it is recorded first for its order. */
function moneyOf(
  { providerRef, amountCents, currency }: CallbackMessage,
  disputed: boolean,
): RecordedMoney {
  return { providerRef, amountCents, currency, disputed };
}

/** Settles nothing: what an earlier charge took goes back, wherever the order stands. */
function endSuperseded(
  deps: HandlerDeps,
  settling: Settling,
  about: Superseded,
  message: CallbackMessage,
  index: number,
): Outcome {
  const { messages, kpis } = effectsOfOrder(settling.orders.get(message.orderId)!, deps.kpiDay);
  if (about.kind === "charge") {
    settling.ended.push({ id: about.charge.id, outcome: message.outcome });
  }
  switch (decideSuperseded(message).kind) {
    case "nothing_taken":
      return done({ messages, kpis });
    case "give_back":
      settling.unexpected.push({ kind: "superseded", message, index });
      return done({ messages: [...messages, reversalOf(message)], kpis });
  }
}

function notePaid(
  { orders, recorded, sources, now, paid, payments, paidAtSource, mended, events }: Settling,
  order: OrderFacts,
  message: CallbackMessage,
  attempt: number,
): void {
  const { orderId, providerRef } = message;
  paid.push(orderId);
  if (recorded.has(orderId)) mended.push(message);
  else if (sources.has(orderId)) paidAtSource.push(orderId);
  else payments.push(paymentOf(message, "SUCCEEDED"));
  recorded.set(orderId, moneyOf(message, false));
  events.push({ orderId, event: "paid", detail: providerRef, attempt });
  orders.set(orderId, orderAfter(order, "pay", now));
}

function noteDeclined(
  { orders, now, declined, payments, events }: Settling,
  order: OrderFacts,
  message: CallbackMessage,
  attempt: number,
): void {
  const { orderId } = message;
  const failureReason = "payment_declined";
  declined.push(orderId);
  payments.push(paymentOf(message, "DECLINED"));
  events.push({ orderId, event: "failed", detail: failureReason, attempt });
  orders.set(orderId, orderAfter(order, "decline", now));
}

/** What a person has to look at, unless its provider confirms it. */
function noteTakenBack({ takenBack }: Settling, index: number, error: string): Outcome {
  takenBack.push(index);
  return { kind: "dead", error };
}

function takenBack({ orderId, providerRef }: CallbackMessage, before: RecordedMoney): string {
  return `the provider says that it declined ${providerRef}, but order ${orderId} is paid ` +
    `by it: ${namedAmount(before.amountCents, before.currency)} were counted`;
}

/** Whose the payments are that answers name, as far as they are on record. */
async function readOwners(
  tx: Queryable,
  deliveries: readonly Delivery<CallbackMessage>[],
): Promise<Map<string, number>> {
  const owners = new Map<string, number>();
  for (const { message } of deliveries) {
    const owner = await readOwner(tx, message);
    if (owner !== undefined) owners.set(paymentKey(message), owner);
  }
  return owners;
}

function paymentKey({ provider, providerRef }: CallbackMessage): string {
  return `${provider}\n${providerRef}`;
}

/** Whether the payment of an answer is another order's; the first of a batch that names it has it. */
function isAnothers({ owners }: Settling, message: CallbackMessage): boolean {
  if (owners === undefined) return false;
  const key = paymentKey(message);
  if (!owners.has(key)) owners.set(key, message.orderId);
  return owners.get(key) !== message.orderId;
}

function anothersOutcome({ owners }: Settling, message: CallbackMessage): Outcome {
  return { kind: "dead", error: anothersPayment(message, owners!.get(paymentKey(message))!) };
}

function anothersPayment({ orderId, providerRef }: CallbackMessage, owner: number): string {
  return `the provider says that ${providerRef} is the payment of order ${orderId}, ` +
    `but it is that of order ${owner}`;
}

function wrongAmount(
  order: OrderFacts,
  { orderId, providerRef, amountCents, currency }: CallbackMessage,
  before: RecordedMoney | null,
): string {
  const said = namedAmount(amountCents, currency);
  const counted = namedAmount(
    before?.amountCents ?? order.totalCents,
    before?.currency ?? order.currency,
  );
  return `the provider says that it took ${said} for order ${orderId} by ${providerRef}, ` +
    `but ${counted} were counted`;
}

/**
 * Records money that came too late, does not fit, or came twice; all of it is rare. Money that is another order's
 * by the provider's own name for it is nobody's second payment, and is never given back: a person has to look.
 */
async function recordUnexpected(
  deps: HandlerDeps,
  tx: Queryable,
  settling: Settling,
  outcomes: Outcome[],
): Promise<void> {
  // What stands beside a payment of years ago is a person's to decide about.
  await restoreOrders(tx, [...new Set(settling.unexpected.map(({ message }) => message.orderId))]);
  for (const { orderId, amountCents } of settling.mended) {
    await settleDispute(tx, orderId, amountCents);
  }
  for (const { kind, message, index } of settling.unexpected) {
    const owner = await readOwner(tx, message);
    if (owner !== undefined && owner !== message.orderId) {
      outcomes[index] = {
        kind: "dead",
        error: anothersPayment(message, owner),
      };
    } else if (kind === "late") await recordLate(tx, settling, message);
    else if (kind === "superseded") await recordSuperseded(tx, settling, message);
    else if (kind === "disputed") await recordDisputed(deps, tx, settling, message);
    else await recordSecond(deps, tx, settling, message, outcomes[index]!);
  }
}

async function recordLate(
  tx: Queryable,
  { orders, now, events }: Settling,
  message: CallbackMessage,
): Promise<void> {
  if (!await recordLatePayment(tx, message, now)) return;
  const { orderId } = message;
  await addReopenedPayment(tx, orderId);
  const detail = `order was ${orders.get(orderId)!.status}`;
  events.push({ orderId, event: "payment_late", detail });
}

/** Money for what the order cost before an edit stands beside its payment, whichever comes first. */
async function recordSuperseded(
  tx: Queryable,
  { now, events }: Settling,
  message: CallbackMessage,
): Promise<void> {
  const { isNew } = await recordSecondPayment(tx, message, now, "REVERSING");
  if (!isNew) return;
  const { orderId, amountCents, currency, providerRef } = message;
  const detail = `${namedAmount(amountCents, currency)} by ${providerRef}`;
  events.push({ orderId, event: "payment_superseded", detail });
}

async function recordDisputed(
  { log }: HandlerDeps,
  tx: Queryable,
  { orders, now, events }: Settling,
  message: CallbackMessage,
): Promise<void> {
  await recordDispute(tx, message, now);
  const { orderId, amountCents, currency, providerRef } = message;
  const order = orders.get(orderId)!;
  events.push({
    orderId,
    event: "payment_disputed",
    detail: `${namedAmount(amountCents, currency)} instead of ${
      namedAmount(order.totalCents, order.currency)
    }`,
  });
  log.error("payment in dispute", {
    order_id: orderId,
    amount_cents: amountCents,
    currency,
    asked_cents: order.totalCents,
    provider_ref: providerRef,
  });
}

async function recordSecond(
  { log }: HandlerDeps,
  tx: Queryable,
  { recorded, now, events }: Settling,
  message: CallbackMessage,
  outcome: Outcome,
): Promise<void> {
  const { status, isNew } = await recordSecondPayment(tx, message, now);
  if (status === "REVERSING" && outcome.kind === "done") {
    outcome.followUps.push({ message: reversalOf(message) });
  }
  if (!isNew) return;
  const { orderId, amountCents, currency, providerRef } = message;
  const amount = namedAmount(amountCents, currency);
  const first = recorded.get(orderId)!.providerRef;
  events.push({
    orderId,
    event: "payment_second",
    detail: `${amount} by ${providerRef} besides ${first}`,
  });
  log.error("order paid twice", {
    order_id: orderId,
    amount_cents: amountCents,
    currency,
    provider_ref: providerRef,
    paid_by: first,
  });
}

function reversalOf({ orderId, amountCents, currency }: CallbackMessage): ReversalMessage {
  return { type: "payment.reverse", orderId, amountCents, currency };
}

/**
 * The orders that answers with a key name, and those that were edited. Row ids may have been given anew since the answer
 * came: after a failover that lost the last commits, an answer that waits in Redis is about an order that is no more.
 */
async function chargesOf(
  tx: Queryable,
  deliveries: readonly Delivery<CallbackMessage>[],
  orders: ReadonlyMap<number, OrderFacts>,
): Promise<ChargeFacts[]> {
  const ids = deliveries.flatMap(({ message: { orderId, key } }) =>
    key === undefined && orders.get(orderId)?.revision === undefined ? [] : orderId
  );
  return [...(await readCharges(tx, ids)).values()];
}

function paymentOf(answer: CallbackMessage, status: PaymentRow["status"]): PaymentRow {
  const { orderId, provider, providerRef, amountCents } = answer;
  return { orderId, provider, providerRef, amountCents, status };
}
