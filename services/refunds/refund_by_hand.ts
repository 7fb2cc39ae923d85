/**
 * Money that a person gives back, because no configured provider can: the one way for the API, the dashboard and the
 * command line.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, readEventsAmong } from "../../db/orders/timelines.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { markReversed, readPaymentsOf, type RecordedPayment } from "../../db/payments/payments.ts";
import { readChargedBack, readContestedPayments } from "../../db/payments/chargebacks.ts";
import { forgetReturned, noteReturned } from "../../db/payments/returned_money.ts";
import {
  readReversalState,
  returnedByHandDetail,
  wasReturnedByHand,
} from "../../db/payments/returned_reversals.ts";
import {
  endPaymentByHand,
  endRefundByHand,
  readPaymentsByHand,
} from "../../db/refunds/refunds_by_hand.ts";
import { readRefunds, refundFactsOf } from "../../db/refunds/refund_rows.ts";
import { readReturns } from "../../db/refunds/returned_refunds.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { RefundMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import { decideByHand, type HandVerdict } from "../../domain/refund/by_hand.ts";
import { decideRefund, type RefundFacts } from "../../domain/refund/refund.ts";
import { owedCents } from "../../domain/refund/returned.ts";
import { reasonFault, trimmedReason } from "../../domain/refund/refund_request.ts";
import { bookOrders } from "../../streams/ledger/book_orders.ts";
import { answerReturned } from "./answer_return.ts";
import { noteChargedBackTwice } from "../../streams/payments/given_twice.ts";
import { type AuditDeps, audited } from "../audited.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/** What a person says of a refund. */
export interface SaidOfRefund {
  refundId: number;
  verdict: HandVerdict;
  /** By which the money went back, or why it does not; at most 255 characters. Null where nothing is said. */
  note: string | null;
}

/** What came of it. */
export interface DecidedRefund {
  orderId: number;
  /** False where the same was said before. */
  changed: boolean;
  /** To publish once it is committed: it books the refund. Lost ones are published again by the sweep. */
  message: RefundMessage;
}

/** What belongs to saying so. */
export interface HandOptions {
  /** Is called where something changed, in the same transaction. */
  inTransaction?: (tx: Queryable) => Promise<void>;
}

/** What belongs to saying so of a payment. */
export interface ReturnOptions extends HandOptions {
  /** Database id of the payment that is meant; left out where only one waits. */
  paymentId?: number;
}

/**
 * Writes down that a person gave a refund back, or refuses it, and publishes what books it; see
 * {@linkcode decideRefundByHand}.
 *
 * @param operator who says so, for the timeline and the audit log
 * @throws {WorkflowError} `invalid`, `not_found`, or `refund_not_by_hand`
 */
export async function decideByHandAndPublish(
  deps: ServiceDeps,
  said: SaidOfRefund,
  operator: Operator,
  options: HandOptions = {},
): Promise<DecidedRefund> {
  const subject = { kind: "refund", id: String(said.refundId) } as const;
  const action = said.verdict === "refused" ? "refund.refuse" : "refund.complete";
  const decided = await audited(deps, { operator, action, subject }, async (note) => {
    const result = await decideRefundByHand(deps.db, said, operator.actor, {
      inTransaction: async (tx) => {
        await options.inTransaction?.(tx);
        await note(tx);
      },
    });
    return { result, changed: result.changed };
  });
  await publishAfterCommit(deps, [decided.message]);
  return decided;
}

/**
 * Writes down that a person gave a refund back, or refuses it, in one transaction under the order's lock. The refund is
 * booked by its message, as one of a provider is: a crash before that leaves it `REQUESTED` and waiting for nobody, so
 * the sweep publishes the message. The same said again changes nothing and repeats the message.
 *
 * Of a refund that its provider took back it says what becomes of its money: see `answer_return.ts`.
 *
 * @param actor who says so, for the timeline
 * @throws {WorkflowError} `invalid`, `not_found`, or `refund_not_by_hand`
 */
export async function decideRefundByHand(
  db: Database,
  { refundId, verdict, note: given }: SaidOfRefund,
  actor: string,
  options: HandOptions = {},
): Promise<DecidedRefund> {
  const note = readNote(given, verdict === "refused" ? "reason" : "reference");
  return await db.transaction(async (tx) => {
    const known = (await readRefunds(tx, [refundId])).get(refundId);
    if (known === undefined) {
      throw new WorkflowError("not_found", `There is no refund ${refundId}`);
    }
    const { orderId, amountCents } = known;
    const { orders } = await lockOrders(tx, [orderId]);
    const { currency } = orders.get(orderId)!;
    const refunds = await refundFactsOf(tx, [orderId], { lock: true });
    const returned = (await readReturns(tx, [refundId])).get(refundId);
    if (returned !== undefined) {
      const order = orders.get(orderId)!;
      const answered = await answerReturned(tx, { order, returned, verdict, note }, actor);
      if (answered.changed) await options.inTransaction?.(tx);
      return answered;
    }
    const refund = refunds.get(orderId)!.find(({ id }) => id === refundId)!;
    const decision = decideByHand(refund, verdict);
    if (decision.kind === "refused") {
      throw new WorkflowError(
        "refund_not_by_hand",
        `Cannot decide about refund ${refundId} by hand: ${decision.because}`,
      );
    }
    const changed = decision.kind === "decide";
    if (changed && verdict === "given_back") {
      await refuseChargedBack(tx, orders.get(orderId)!, refund, refunds.get(orderId)!);
    }
    if (changed) {
      const failureReason = verdict === "refused" ? note ?? "refused" : null;
      await endRefundByHand(tx, refundId, verdict, failureReason);
      const event = verdict === "refused" ? "refund_refused" : "refund_completed";
      const detail = withNote(namedAmount(amountCents, currency), note);
      await addOrderEvents(tx, [{ orderId, refundId, event, detail }], actor);
      await options.inTransaction?.(tx);
    }
    const message = { type: "refund.process", orderId, refundId, amountCents, currency } as const;
    return { orderId, changed, message };
  });
}

/**
 * Money that the customer contests at the bank, or has back from there, is not given back as well.
 *
 * @throws {WorkflowError} `refund_not_by_hand`
 */
async function refuseChargedBack(
  tx: Queryable,
  order: OrderFacts,
  refund: RefundFacts,
  refunds: readonly RefundFacts[],
): Promise<void> {
  const chargedBack = (await readChargedBack(tx, [order.id])).get(order.id);
  if (chargedBack === undefined) return;
  const { byHand: _, ...asked } = refund;
  const others = refunds.filter((other) => other !== refund);
  const decision = decideRefund({ ...order, chargedBack }, asked, others);
  if (decision.kind !== "refuse" || !decision.isChargedBack) return;
  const because = chargedBack.isHeld ? contestedByCustomer : `${decision.because}; refuse it`;
  throw new WorkflowError(
    "refund_not_by_hand",
    `Cannot give refund ${refund.id} back by hand: ${because}`,
  );
}

/**
 * Writes down that a person gave back a payment that waits for it, in one transaction under the order's lock: what was paid at the
 * source of an order that came to nothing, or what a provider gave back and took back later. Of several it has to be named,
 * so that the same said again is never of another one. It changes nothing.
 *
 * @param reference by which the money went back, at most 255 characters
 * @param operator who says so, for the timeline and the audit log
 * @returns whether this call changed it
 * @throws {WorkflowError} `invalid`, `not_found`, or `refund_not_by_hand`
 */
export function returnPaymentByHand(
  deps: AuditDeps,
  orderId: number,
  reference: string | null,
  operator: Operator,
  { paymentId, ...options }: ReturnOptions = {},
): Promise<{ changed: boolean }> {
  const subject = { kind: "order", id: String(orderId) } as const;
  return audited(deps, { operator, action: "payment.returned", subject }, async (note) => {
    const said = { orderId, paymentId, reference };
    const result = await returnInTransaction(deps, said, operator.actor, {
      inTransaction: async (tx) => {
        await options.inTransaction?.(tx);
        await note(tx);
      },
    });
    return { result, changed: result.changed };
  });
}

async function returnInTransaction(
  { db, log }: AuditDeps,
  { orderId, paymentId, reference }: {
    orderId: number;
    paymentId: number | undefined;
    reference: string | null;
  },
  actor: string,
  options: HandOptions,
): Promise<{ changed: boolean }> {
  const note = readNote(reference, "reference");
  return await db.transaction(async (tx) => {
    const { orders, now } = await lockOrders(tx, [orderId]);
    const order = orders.get(orderId);
    if (order === undefined) throw new WorkflowError("not_found", `There is no order ${orderId}`);
    const payments = await readPaymentsOf(tx, orderId);
    const waiting = await readPaymentsByHand(tx, orderId);
    const payment = meantOf(orderId, { payments, waiting, paymentId });
    const waits = waiting.some((id) => id === payment?.id);
    if (!waits && await wasReturned(tx, order, payment, paymentId)) return { changed: false };
    if (payment === undefined || !waits) throw notByHand(order, payment?.status);
    const owed = await owedByHand(tx, payment);
    await endPaymentByHand(tx, payment.id);
    await markReversed(tx, payment.id);
    await forgetReturned(tx, payment);
    // What the customer's bank has taken besides went back by that, and is none of what a person gave back.
    await noteReturned(tx, payment);
    await noteChargedBackTwice({ log, consumer: actor }, tx, [orderId]);
    await bookOrders(tx, [orderId], now);
    const amount = namedAmount(owed, payment.currency ?? order.currency);
    await addOrderEvents(
      tx,
      [{
        orderId,
        event: "payment_returned",
        detail: returnedByHandDetail(amount, payment, note),
      }],
      actor,
    );
    await options.inTransaction?.(tx);
    return { changed: true };
  });
}

/**
 * What of a payment that waits for a person is to be given back.
 *
 * @throws {WorkflowError} `refund_not_by_hand` where its customer contests it at the bank, who would be paid twice
 */
async function owedByHand(tx: Queryable, { id, orderId }: RecordedPayment): Promise<number> {
  const contested = (await readContestedPayments(tx, [orderId])).get(id);
  if (contested?.isHeld) {
    throw new WorkflowError(
      "refund_not_by_hand",
      `Cannot give the payment of order ${orderId} back by hand: ${contestedByCustomer}`,
    );
  }
  return owedCents((await readReversalState(tx, id))!);
}

const contestedByCustomer =
  "its customer contests it at the bank, and would be paid twice; wait until that is decided";

/**
 * The payment that is meant: the named one, or else the only one that waits, or that the order is settled by where none does.
 *
 * @throws {WorkflowError} `not_found`, or `refund_not_by_hand` where it could be one or the other
 */
function meantOf(
  orderId: number,
  { payments, waiting, paymentId }: {
    payments: readonly RecordedPayment[];
    waiting: readonly number[];
    paymentId: number | undefined;
  },
): RecordedPayment | undefined {
  if (paymentId !== undefined) {
    const named = payments.find(({ id }) => id === paymentId);
    if (named !== undefined) return named;
    throw new WorkflowError("not_found", `Order ${orderId} has no payment ${paymentId}`);
  }
  if (waiting.length > 1) {
    throw new WorkflowError(
      "refund_not_by_hand",
      `Payments ${
        waiting.join(", ")
      } of order ${orderId} wait to be given back by hand: say which one was`,
    );
  }
  const [only] = waiting;
  return payments.find(({ id, surplus }) => only === undefined ? surplus === 0 : id === only);
}

/** Whether the same was said before, and nothing has come back since. */
async function wasReturned(
  tx: Queryable,
  { id, paidAtSource }: OrderFacts,
  payment: RecordedPayment | undefined,
  paymentId: number | undefined,
): Promise<boolean> {
  const isOver = payment?.status === "REVERSED" || payment?.status === "DISMISSED";
  if (paymentId !== undefined && !isOver) return false;
  if (paidAtSource === true && payment?.surplus === 0 && payment.status === "REVERSED") return true;
  return payment !== undefined && paymentId !== undefined
    ? await wasReturnedByHand(tx, payment)
    : (await readEventsAmong(tx, id, ["payment_returned"])).length > 0;
}

function notByHand({ id, status }: OrderFacts, payment: string | undefined): WorkflowError {
  const because = payment === "REVERSING"
    ? "it goes back through its provider"
    : status === "PAID"
    ? "the order is PAID, so it needs a refund"
    : "no money of it is to be given back";
  return new WorkflowError(
    "refund_not_by_hand",
    `Cannot give the payment of order ${id} back by hand: ${because}`,
  );
}

/** @throws {WorkflowError} `invalid` */
function readNote(given: string | null, name: string): string | null {
  const note = trimmedReason(given);
  const fault = note === null ? undefined : reasonFault(note);
  if (fault !== undefined) throw new WorkflowError("invalid", `The ${name} ${fault}`);
  return note;
}

function withNote(text: string, note: string | null): string {
  return note === null ? text : `${text}: ${note}`;
}
