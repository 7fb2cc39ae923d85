/**
 * Mends what came back as our books say, where reports tell that it went back and never that it came back: what its provider says to
 * be with the customer is recorded as that again.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { forgetReturned } from "../../db/payments/returned_money.ts";
import { readReversalState, wasReturnedByHand } from "../../db/payments/returned_reversals.ts";
import { markReversed } from "../../db/payments/payments.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import { readReturns } from "../../db/refunds/returned_refunds.ts";
import { endPaymentByHand } from "../../db/refunds/refunds_by_hand.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { bookOrders } from "../../streams/ledger/book_orders.ts";
import { gatewayNamed } from "../../streams/payments/gateway.ts";
import { noteChargedBackTwice, noteGivenTwice } from "../../streams/payments/given_twice.ts";
import { standingKeyOf } from "../../streams/reconciliation/find_facts.ts";
import { refundKeyBehind, refundRequest, stillMade } from "./ask_before_recording.ts";
import { cantBeAsked, type MendingDeps, saidBy, type Step } from "./mending_step.ts";
import { publishAfterCommit } from "../publish_after_commit.ts";
import { recordRefund } from "./record_refund.ts";

/**
 * Asks whether the customer has money that our books have as come back. What the provider took back is explained; what it did not
 * is recorded as given back, and as given back twice where it was paid again meanwhile. Done again it changes nothing.
 *
 * @throws {WorkflowError} as what records a refund does
 */
export async function askAboutReturn(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const gateway = gatewayNamed(deps, row.provider);
  const key = await refundKeyBehind(deps, row);
  if (gateway?.refundStatus === undefined || key === null) return cantBeAsked(row.provider);
  const [answer] = await gateway.refundStatus([refundRequest(row, key)]);
  switch (answer!.kind) {
    case "refunded":
      return row.movement === "returned"
        ? await recordRefundAgain(deps, row, operator)
        : await recordReversalAgain(deps, row, operator);
    case "refused":
      return {
        kind: "ended",
        state: "EXPLAINED",
        answer: `the provider says that it took it back: ${answer!.reason}`,
      };
    case "unknown":
      return { kind: "ended", state: "EXPLAINED", answer: "the provider knows of none any more" };
    case "failed":
      return { kind: "withdrawn", answer: answer!.error };
    default:
      return { kind: "goes_on", answer: saidBy(answer!) };
  }
}

async function recordRefundAgain(
  deps: MendingDeps,
  { provider, orderId, refundId, ourCents, ourCurrency }: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const money = { amountCents: ourCents!, currency: ourCurrency! };
  const againId = (await readReturns(deps.db, [refundId!])).get(refundId!)?.againId ?? null;
  if (againId !== null) {
    await noteTwice(
      deps,
      { orderId: orderId!, refundId: againId, paymentId: null, ...money },
      operator,
    );
    const answer =
      `the provider says that it was given back, and refund ${againId} has paid it again`;
    return { kind: "ended", state: "MENDED", answer: `${answer}: it went back twice` };
  }
  const key = standingKeyOf(provider, refundId!);
  const message = await recordRefund(
    deps.db,
    { orderId: orderId!, ...money, key },
    operator.actor,
  );
  if (message === undefined) return { kind: "goes_on", answer: stillMade };
  await publishAfterCommit(deps, [message]);
  const answer = `the provider says that it was given back: recorded as refund ${message.refundId}`;
  return { kind: "ended", state: "MENDED", answer };
}

async function noteTwice(
  { db, log }: MendingDeps,
  twice: {
    orderId: number;
    refundId: number;
    paymentId: null;
    amountCents: number;
    currency: string;
  },
  { actor }: Operator,
): Promise<void> {
  await db.transaction(async (tx) => {
    const { now } = await lockOrders(tx, [twice.orderId]);
    await restoreOrders(tx, [twice.orderId]);
    const noted = { ...twice, chargebackId: null, attempt: 1 };
    await noteGivenTwice({ log, consumer: actor }, tx, [noted], { afterAll: true });
    await bookOrders(tx, [twice.orderId], now);
  });
}

async function recordReversalAgain(
  { db, log }: MendingDeps,
  { orderId: ofOrder, paymentId }: DiscrepancyRow,
  { actor }: Operator,
): Promise<Step> {
  const orderId = ofOrder!;
  const isTwice = await db.transaction(async (tx) => {
    const { now } = await lockOrders(tx, [orderId]);
    await restoreOrders(tx, [orderId]);
    const payment = await readReversalState(tx, paymentId!);
    if (payment === undefined) return undefined;
    const { amountCents, currency } = payment;
    const detail = `${namedAmount(amountCents, currency)}: its provider has not taken it back`;
    const isByHand = payment.status === "REVERSED" && await wasReturnedByHand(tx, payment);
    await endPaymentByHand(tx, payment.id);
    if (await markReversed(tx, payment.id)) {
      await addOrderEvents(tx, [{ orderId, event: "payment_reversed", detail }], actor);
    }
    if (isByHand) {
      const money = { refundId: null, paymentId: payment.id, chargebackId: null };
      const twice = { orderId, ...money, amountCents, currency, attempt: 1 };
      await noteGivenTwice({ log, consumer: actor }, tx, [twice], { afterAll: true });
    } else await forgetReturned(tx, payment);
    await noteChargedBackTwice({ log, consumer: actor }, tx, [orderId]);
    await bookOrders(tx, [orderId], now);
    return isByHand || payment.lostCents > 0;
  });
  if (isTwice === undefined) {
    return { kind: "withdrawn", answer: "the payment is on record no more" };
  }
  const answer = "the provider says that it was given back, as is recorded now";
  return {
    kind: "ended",
    state: "MENDED",
    answer: isTwice ? `${answer}: it went back twice` : answer,
  };
}
