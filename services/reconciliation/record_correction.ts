/**
 * Recording that a charge or a refund came to nothing after all, where only a report tells of it.
 *
 * @module
 */

import { readPayments } from "../../db/payments/payments.ts";
import { readPaymentsNamed, readRefundsOf } from "../../db/reconciliation/named_money.ts";
import { type DirectRefund, readMended } from "../../db/reconciliation/direct_refunds.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import { storedTime } from "../../domain/database_time.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { bouncedName, bouncedReason } from "../../domain/payment/chargeback.ts";
import { findRefundOf } from "../../streams/payments/take_back_refund.ts";
import { findReversalOf, takeBackReversal } from "../../streams/payments/take_back_reversal.ts";
import type { NamedPayment, NamedRefund } from "../../db/reconciliation/named_money.ts";
import { gatewayNamed } from "../../streams/payments/gateway.ts";
import { recordedKeyOf } from "../../streams/reconciliation/find_facts.ts";
import { takeBackMend } from "../../streams/reconciliation/returned_mends.ts";
import { textDigest } from "../../domain/order/content_hash.ts";
import { toldGrossCents } from "../../domain/reconciliation/discrepancy.ts";
import { nameOfRefund } from "../../domain/reconciliation/provider_line.ts";
import { type Confirmation, moneyOf, refundRequest } from "./ask_before_recording.ts";
import { recordChargeback, type RecordChargebackDeps } from "../payments/record_chargeback.ts";
import { type RefundNewsDeps, takeBack } from "../refunds/take_refund_news.ts";
import type { Gateways } from "../../streams/payments/gateway.ts";

/** What recording works with. */
export interface CorrectionDeps extends RefundNewsDeps, Gateways {
  config: RecordChargebackDeps["config"];
}

/** What came of it. */
export type Corrected =
  /** It is on record. */
  | { kind: "recorded"; says: string; asked: boolean }
  /** It can't be, or not now. */
  | Extract<Confirmation, { kind: "denied" | "later" }>;

/**
 * Records what a line tells: a refund that its provider took back, where money comes back to us, or else a charge that
 * bounced. The provider is asked first, where it can be.
 */
export function recordCorrection(
  deps: CorrectionDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Corrected> {
  return toldGrossCents(row) > 0
    ? recordReturn(deps, row, operator)
    : recordBounce(deps, row, operator);
}

async function recordReturn(
  deps: CorrectionDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Corrected> {
  const mend = await mendBehind(deps, row);
  if (mend !== undefined) return await recordMendReturn(deps, row, mend);
  const payment = await reversedBehind(deps, row);
  if (payment !== undefined) return await recordReversalReturn(deps, row, payment, operator);
  const refund = await refundBehind(deps, row);
  if (refund === undefined) {
    const amount = namedAmount(row.theirCents!, row.theirCurrency!);
    return {
      kind: "denied",
      says: `no refund of ${amount} is on record that could have come back`,
    };
  }
  const answer = await askWhetherBack(deps, row, refund);
  if ("kind" in answer) return answer;
  const { reason, asked } = answer;
  const taken = await takeBack(deps, {
    refundId: refund.id,
    provider: row.provider,
    reason,
    returnedAt: storedTime(row.theirTime!),
  }, operator.actor);
  if (taken?.outcome === "too_early") {
    return { kind: "later", says: `refund ${refund.id} is still being booked` };
  }
  if (taken?.outcome === "given_by_hand") {
    return {
      kind: "denied",
      says: `refund ${refund.id} was given back by hand: the customer has it`,
    };
  }
  return {
    kind: "recorded",
    says: `refund ${refund.id} came back, and its money is owed again`,
    asked,
  };
}

/** What its provider says of money that came back: its word for why, or why it can't be recorded. */
async function askWhetherBack(
  deps: CorrectionDeps,
  row: DiscrepancyRow,
  { key, amountCents }: { key: string | null; amountCents: number },
): Promise<{ reason: string | null; asked: boolean } | Exclude<Corrected, { kind: "recorded" }>> {
  const gateway = gatewayNamed(deps, row.provider);
  if (gateway?.refundStatus === undefined || key === null) return { reason: null, asked: false };
  const [answer] = await gateway.refundStatus([
    refundRequest({ ...row, ourCents: amountCents }, key),
  ]);
  switch (answer!.kind) {
    case "refused":
      return { reason: answer!.reason || null, asked: true };
    case "refunded":
      return { kind: "denied", says: "the provider says that it was given back" };
    case "unknown":
      return { kind: "denied", says: "the provider knows of no such refund when it is asked" };
    case "failed":
      return { kind: "denied", says: answer!.error };
    case "pending":
      return { kind: "later", says: "the provider has not decided yet (pending)" };
    case "away":
      return { kind: "later", says: answer!.error };
  }
}

/** What mended another discrepancy and came back, by its key, where it is of this money. */
async function mendBehind(
  { db }: CorrectionDeps,
  { provider, movementKey: key, theirCents, theirCurrency }: DiscrepancyRow,
): Promise<DirectRefund | undefined> {
  const mend = key === null ? undefined : (await readMended(db, provider, [key])).get(key);
  const isSame = mend?.cents === theirCents && mend?.currency === theirCurrency;
  return isSame ? mend : undefined;
}

async function recordMendReturn(
  deps: CorrectionDeps,
  row: DiscrepancyRow,
  { id, cents: amountCents }: DirectRefund,
): Promise<Corrected> {
  const answer = await askWhetherBack(deps, row, { key: row.movementKey, amountCents });
  if ("kind" in answer) return answer;
  const { reason, asked } = answer;
  switch (await takeBackMend(deps, { id, reason, returnedAt: storedTime(row.theirTime!) })) {
    case "return":
    case "already_returned":
      return {
        kind: "recorded",
        says: `what mended discrepancy ${id} came back, and its money is owed again`,
        asked,
      };
    case "too_early":
      return { kind: "later", says: `discrepancy ${id} is still being mended` };
    default:
      return { kind: "denied", says: `discrepancy ${id} was not mended by its provider` };
  }
}

async function recordReversalReturn(
  deps: CorrectionDeps,
  row: DiscrepancyRow,
  payment: NamedPayment,
  operator: Operator,
): Promise<Corrected> {
  const { id: paymentId, orderId, ref, amountCents } = payment;
  const answer = await askWhetherBack(deps, row, { key: row.movementKey, amountCents });
  if ("kind" in answer) return answer;
  const { reason, asked } = answer;
  switch (await takeBackReversal(deps, { paymentId, orderId, reason }, operator.actor)) {
    case "return":
    case "already_returned":
      return { kind: "recorded", says: `${ref} came back, and its money is owed again`, asked };
    case "charged_back":
      return { kind: "recorded", says: `${ref} came back, and went back by a chargeback`, asked };
    case "too_early":
      return { kind: "later", says: `${ref} is still being given back` };
    case "given_by_hand":
      return { kind: "denied", says: `${ref} was given back by hand: the customer has it` };
    default:
      return { kind: "denied", says: `${ref} was not given back by its provider` };
  }
}

/** The payment that went back whole and came back, by its charge and its key. */
async function reversedBehind(
  { db }: CorrectionDeps,
  { provider, movementKey: key, chargeRef, theirCents, theirCurrency }: DiscrepancyRow,
): Promise<NamedPayment | undefined> {
  if (chargeRef === null) return undefined;
  const payment = await findReversalOf(db, provider, { key, chargeRefs: [chargeRef] });
  const isSame = payment?.amountCents === theirCents && payment?.currency === theirCurrency;
  const wentBack = payment?.status === "REVERSED" || payment?.status === "REVERSING";
  return isSame && wentBack ? payment : undefined;
}

/** The refund that came back: by its key, or else the only one of its order that is of this amount and the same provider made. */
async function refundBehind(
  deps: CorrectionDeps,
  row: DiscrepancyRow,
): Promise<NamedRefund | undefined> {
  const { provider, movementKey, refundRef, orderId, theirCents, theirCurrency } = row;
  const recorded = refundRef === null
    ? []
    : [recordedKeyOf(provider, textDigest(`${provider}\n${nameOfRefund(refundRef)}`))];
  const keys = [...movementKey === null ? [] : [movementKey], ...recorded];
  const found = await findRefundOf(deps.db, keys);
  // What was recorded says in its key whose it is.
  if (found?.key != null && recorded.includes(found.key)) return found;
  if (found !== undefined) return await isOfProvider(deps, row, found) ? found : undefined;
  if (movementKey !== null) return undefined;
  const ofOrder = await readRefundsOf(deps.db, { keys: [], orderIds: [orderId!] });
  const fitting = ofOrder.filter(({ amountCents, currency, status }) =>
    status === "PROCESSED" && amountCents === theirCents && currency === theirCurrency
  );
  const [only, ...others] = fitting;
  if (only === undefined || others.length > 0) return undefined;
  return await isOfProvider(deps, row, only) ? only : undefined;
}

/** Whether a refund is of money that the provider of a line has taken. */
async function isOfProvider(
  { db }: CorrectionDeps,
  { provider }: DiscrepancyRow,
  { orderId }: NamedRefund,
): Promise<boolean> {
  const payment = (await readPayments(db, [orderId])).get(orderId);
  return payment === undefined || payment.provider === provider;
}

async function recordBounce(
  deps: CorrectionDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Corrected> {
  const ref = row.chargeRef;
  const payment = ref === null
    ? undefined
    : (await readPaymentsNamed(deps.db, row.provider, [ref])).get(ref);
  const isWhole = payment !== undefined && payment.status !== "DECLINED" &&
    payment.amountCents === row.theirCents && payment.currency === row.theirCurrency;
  if (!isWhole) {
    const amount = namedAmount(row.theirCents!, row.theirCurrency!);
    return { kind: "denied", says: `no payment of ${amount} is on record that could have bounced` };
  }
  const money = await moneyOf(deps, row);
  switch (money?.kind) {
    case undefined:
      break;
    case "unknown":
      return { kind: "denied", says: "the provider knows of no such charge when it is asked" };
    case "found":
      if (money!.tookCents === 0) break;
      return {
        kind: "denied",
        says: `the provider says that ${ref} succeeded: ${
          namedAmount(money!.tookCents, money!.currency)
        }`,
      };
    default:
      return { kind: "later", says: money!.error };
  }
  await recordChargeback(deps, {
    provider: row.provider,
    providerRef: bouncedName(payment.ref),
    chargeRefs: [payment.ref],
    amountCents: payment.amountCents,
    currency: payment.currency,
    state: "lost",
    reason: bouncedReason,
    happenedAt: new Date(row.theirTime!),
  }, operator.actor);
  return { kind: "recorded", says: "it is recorded as lost", asked: money !== undefined };
}
