/**
 * Mends a discrepancy by asking the provider again what became of money of ours.
 *
 * @module
 */

import { readReturnedReversals } from "../../db/payments/returned_reversals.ts";
import { readMended } from "../../db/reconciliation/direct_refunds.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import { readRefundsOf } from "../../db/reconciliation/named_money.ts";
import { databaseTime } from "../../domain/database_time.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { hasTooMuch, tookMore } from "../../domain/reconciliation/discrepancy.ts";
import {
  type Gateway,
  gatewayNamed,
  type GatewayRequest,
  type RefundStatusAnswer,
} from "../../streams/payments/gateway.ts";
import { takeBackReversal } from "../../streams/payments/take_back_reversal.ts";
import { readReturnedMends, takeBackMend } from "../../streams/reconciliation/returned_mends.ts";
import {
  chargebackOf,
  contestOf,
  refundKeyBehind,
  refundRequest,
  statusOf,
  stillContested,
} from "./ask_before_recording.ts";
import { cantBeAsked, type MendingDeps, saidBy, type Step } from "./mending_step.ts";
import { askWhatIsLeft } from "./money_left.ts";
import { recordChargeback } from "../payments/record_chargeback.ts";
import { takeBack } from "../refunds/take_refund_news.ts";

/** Asks what the provider has of a charge: what it confirms is explained. */
export async function askAboutCharge(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
  const surplus = row.kind === "amount_differs" && tookMore(row)
    ? await askAboutSurplus(deps, row)
    : undefined;
  if (surplus !== undefined) return surplus;
  const answer = await statusOf(deps, row);
  if (answer === undefined) return cantBeAsked(row.provider);
  if (answer.kind === "unknown") {
    return { kind: "withdrawn", answer: "the provider knows of no such charge" };
  }
  const message = answer.kind === "accepted" ? answer.callback?.message : undefined;
  if (message?.type !== "payment.callback") {
    return { kind: "withdrawn", answer: saidBy(answer) };
  }
  const { outcome, amountCents, currency, providerRef } = message;
  const said = `the provider says that ${providerRef} ${outcome}: ${
    namedAmount(amountCents, currency)
  }`;
  const confirms = outcome === "succeeded" && providerRef === row.chargeRef &&
    amountCents === row.ourCents && currency === row.ourCurrency;
  return confirms
    ? { kind: "ended", state: "EXPLAINED", answer: said }
    : { kind: "withdrawn", answer: said };
}

/**
 * Asks whether a provider has more of a charge than is ours, where a report says that it took more: what was not captured of it went
 * back by itself, and what it took too much is to be given back. Undefined where it can't be asked.
 */
async function askAboutSurplus(deps: MendingDeps, row: DiscrepancyRow): Promise<Step | undefined> {
  const left = await askWhatIsLeft(deps, row);
  if (left === undefined || "kind" in left) return left;
  const { money, leftCents } = left;
  const took = namedAmount(money.tookCents, money.currency);
  const back = namedAmount(money.refundedCents, money.currency);
  if (money.currency !== row.theirCurrency) {
    return { kind: "withdrawn", answer: `the provider says that it took ${took} by ${money.ref}` };
  }
  const said = `it took ${took} by ${money.ref}, and ${back} went back`;
  return leftCents > 0 ? { kind: "withdrawn", answer: `${hasTooMuch}: ${said}` } : {
    kind: "ended",
    state: "EXPLAINED",
    answer: `the provider says that ${said}: no more than is ours`,
  };
}

/** Asks what became of a refund of ours; one that the provider does not know is asked for again, under its own key. */
export async function askAboutRefund(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const gateway = gatewayNamed(deps, row.provider);
  const key = await refundKeyBehind(deps, row);
  if (gateway?.refundStatus === undefined || key === null) return cantBeAsked(row.provider);
  const request = refundRequest(row, key);
  const [answer] = await gateway.refundStatus([request]) as [RefundStatusAnswer];
  if (answer.kind === "refunded") {
    return {
      kind: "ended",
      state: "EXPLAINED",
      answer: "the provider says that it was given back",
    };
  }
  // It answers about something else, and would again: a person has to look.
  if (answer.kind === "failed") return { kind: "withdrawn", answer: answer.error };
  if (answer.kind === "refused") return await takeRefundBack(deps, row, answer.reason, operator);
  if (answer.kind !== "unknown") return { kind: "goes_on", answer: saidBy(answer) };
  const [ours] = await readRefundsOf(deps.db, { keys: [key], orderIds: [] });
  if (ours?.isReturned || await isReversalBack(deps, row) || await isMendBack(deps, row)) {
    const says = "the provider knows of none, and has taken it back: its money is owed otherwise";
    return { kind: "ended", state: "EXPLAINED", answer: says };
  }
  const contest = await contestOf(deps, row);
  if (contest?.isHeld) return { kind: "goes_on", answer: stillContested };
  if (contest !== undefined) {
    const lost = namedAmount(row.ourCents!, row.ourCurrency!);
    return {
      kind: "withdrawn",
      answer: `its customer's bank has taken of it: ${lost} may be back`,
    };
  }
  return await refundAgain(gateway, request);
}

/** Whether it is a payment that went back whole, and that its provider took back. */
async function isReversalBack({ db }: MendingDeps, row: DiscrepancyRow): Promise<boolean> {
  const { movement, paymentId: id, orderId, chargeRef: ref } = row;
  if (movement !== "reversal" || id === null || orderId === null || ref === null) return false;
  return (await readReturnedReversals(db, [{ id, orderId, ref }])).size > 0;
}

/** Whether it is what mended a discrepancy, and that its provider took back. */
async function isMendBack({ db }: MendingDeps, row: DiscrepancyRow): Promise<boolean> {
  if (row.movement !== "mend") return false;
  const { provider, movementKey: key } = row;
  const mend = (await readMended(db, provider, [key!])).get(key!);
  return mend !== undefined && (await readReturnedMends(db, provider, [mend.id])).size > 0;
}

/** The provider says of a refund that is booked as made that it came to nothing: its money is owed again. */
async function takeRefundBack(
  deps: MendingDeps,
  row: DiscrepancyRow,
  reason: string,
  operator: Operator,
): Promise<Step> {
  const answer = `the provider keeps it: ${reason}`;
  if (row.movement === "reversal" && row.paymentId !== null && row.orderId !== null) {
    const { paymentId, orderId } = row;
    const told = { paymentId, orderId, reason: reason || null };
    const outcome = await takeBackReversal(deps, told, operator.actor);
    return outcome === "return" || outcome === "already_returned" || outcome === "charged_back"
      ? { kind: "ended", state: "MENDED", answer: `${answer}; its money is owed again` }
      : { kind: "withdrawn", answer };
  }
  const { provider, refundId, movementKey: key } = row;
  const returnedAt = databaseTime(Date.now());
  if (row.movement === "mend") {
    const mend = (await readMended(deps.db, provider, [key!])).get(key!);
    const outcome = mend === undefined
      ? undefined
      : await takeBackMend(deps, { id: mend.id, reason: reason || null, returnedAt });
    return outcome === "return" || outcome === "already_returned"
      ? { kind: "ended", state: "MENDED", answer: `${answer}; its money is owed again` }
      : { kind: "withdrawn", answer };
  }
  if (refundId === null) return { kind: "withdrawn", answer };
  const told = { refundId, provider, reason: reason || null, returnedAt };
  const taken = await takeBack(deps, told, operator.actor);
  return taken?.outcome === "return" || taken?.outcome === "already_returned"
    ? { kind: "ended", state: "MENDED", answer: `${answer}; its money is owed again` }
    : { kind: "withdrawn", answer };
}

async function refundAgain(gateway: Gateway, request: GatewayRequest): Promise<Step> {
  const [again] = await gateway.refund([request]);
  return again!.kind === "refunded"
    ? {
      kind: "ended",
      state: "MENDED",
      answer: "the provider knew of none, and has given it back now",
    }
    : again!.kind === "refused"
    ? { kind: "withdrawn", answer: `the provider keeps it: ${again!.reason}` }
    : { kind: "goes_on", answer: saidBy(again!) };
}

/** Asks how a chargeback is that no report tells of: what the provider confirms is explained, and else it is recorded. */
export async function askAboutChargeback(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const { provider, refundRef: providerRef } = row;
  const answer = providerRef === null ? undefined : await chargebackOf(deps, row);
  switch (answer?.kind) {
    case undefined:
      return cantBeAsked(provider);
    case "unknown":
      return { kind: "withdrawn", answer: "the provider knows of no such chargeback" };
    case "found": {
      const { chargeback } = answer;
      const report = { ...chargeback, provider, providerRef: providerRef! };
      const { outcome } = await recordChargeback(deps, report, operator.actor);
      const amount = namedAmount(chargeback.amountCents, chargeback.currency);
      const said = `the provider says that it is ${chargeback.state}: ${amount}`;
      return outcome === "taken"
        ? { kind: "ended", state: "MENDED", answer: `${said}, as is recorded now` }
        : { kind: "ended", state: "EXPLAINED", answer: said };
    }
    default:
      return { kind: "goes_on", answer: answer!.error };
  }
}
