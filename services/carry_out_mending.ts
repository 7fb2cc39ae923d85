/**
 * Carries out what was approved about a discrepancy, step by step: what was done before is seen, and not done again.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import { readCharges } from "../db/orders/orders.ts";
import { readChargeKeys } from "../db/payments/charge_keys.ts";
import { readPaymentsOf } from "../db/payments/payments.ts";
import { readRefundsOf } from "../db/reconciliation/line_facts.ts";
import {
  type DiscrepancyRow,
  endDiscrepancy,
  noteAnswer,
  withdrawAction,
} from "../db/reconciliation/discrepancies.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import type { CallbackMessage } from "../domain/messages/messages.ts";
import { namedAmount } from "../domain/money.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { canBeAskedAbout, directlyBack } from "../domain/reconciliation/discrepancy.ts";
import { chargebackNameOf } from "../domain/reconciliation/provider_line.ts";
import { cutText } from "../domain/text/cut_text.ts";
import {
  type ChargeStatus,
  type Gateway,
  gatewayNamed,
  type GatewayRequest,
  type Gateways,
  type RefundStatusAnswer,
} from "../streams/payments/gateway.ts";
import { recordedKeyOf } from "../streams/reconciliation/line_facts.ts";
import { decideAndPublish } from "./decide_payment.ts";
import { publishAfterCommit, type ServiceDeps } from "./publish_after_commit.ts";
import { recordChargeback, type RecordChargebackDeps } from "./record_chargeback.ts";
import { recordRefund } from "./record_refund.ts";

/** What mending works with. */
export interface MendingDeps extends ServiceDeps, Gateways, Omit<RecordChargebackDeps, "config"> {
  config: Pick<
    Config,
    "reconciliationApprovals" | "reconciliationDays" | "chargebackRevenue"
  >;
}

/** What a step came to. */
type Step =
  /** It is over. */
  | { kind: "ended"; state: "EXPLAINED" | "MENDED"; answer: string }
  /** It goes on by itself, or is to be tried again. */
  | { kind: "goes_on"; answer: string }
  /** It can't be done: something else has to be. */
  | { kind: "withdrawn"; answer: string };

/** Characters of an answer that are kept. */
const maxAnswer = 255;

/**
 * Takes the next step of what was approved. Money moves by nothing but what moves it anyway: the provider's answer to a
 * charge, the verdict about a disputed payment, a refund under its own key.
 */
export async function carryOut(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<void> {
  const step = await nextStep(deps, row, operator);
  const answer = cutText(step.answer, maxAnswer);
  switch (step.kind) {
    case "ended":
      await endDiscrepancy(deps.db, row.id, step.state, answer);
      break;
    case "goes_on":
      await noteAnswer(deps.db, row.id, answer);
      break;
    case "withdrawn":
      await withdrawAction(deps.db, row.id, answer);
  }
}

async function nextStep(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  try {
    switch (row.action) {
      case "record":
        return row.movement === "charge"
          ? await recordCharge(deps, row)
          : row.movement === "chargeback"
          ? await recordTheirChargeback(deps, row, operator)
          : await recordTheirRefund(deps, row, operator);
      case "give_back":
        return row.mendKey === null
          ? await giveBackByOrder(deps, row, operator)
          : await giveBackDirectly(deps, row);
      case "ask":
        if (!canBeAskedAbout(row.movement)) return cantBeAsked(row.provider);
        return row.movement === "charge"
          ? await askAboutCharge(deps, row)
          : await askAboutRefund(deps, row);
      default:
        return { kind: "withdrawn", answer: "nothing is to be done" };
    }
  } catch (error) {
    if (!(error instanceof WorkflowError) || error.code === "unavailable") throw error;
    return { kind: "withdrawn", answer: messageOf(error) };
  }
}

/**
 * Tells the consumers of a charge as its provider would have: they settle the order by it, give it back where the order is
 * over, or hold it for a decision beside the order's other money. Where the provider can be asked it has to say the same
 * of the charge, and while it can't be reached nothing is told.
 */
async function recordCharge(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
  const answer = await statusOf(deps, row);
  if (answer?.kind === "unknown") {
    return { kind: "withdrawn", answer: "the provider knows of no such charge when it is asked" };
  }
  if (answer?.kind === "away") return { kind: "goes_on", answer: answer.error };
  const otherwise = answer === undefined ? undefined : saidOtherwise(answer, row);
  if (otherwise !== undefined) return { kind: "withdrawn", answer: otherwise };
  const message: CallbackMessage = {
    type: "payment.callback",
    orderId: row.orderId!,
    amountCents: row.theirCents!,
    currency: row.theirCurrency!,
    outcome: "succeeded",
    provider: row.provider,
    ...(row.movementKey === null ? {} : { key: row.movementKey }),
    providerRef: row.chargeRef!,
  };
  await publishAfterCommit(deps, [message]);
  return { kind: "goes_on", answer: "the order is told of the charge" };
}

/**
 * What the provider says where it is not that this very charge succeeded as the report has it: a line alone pays no order.
 * Of what was charged beside an order's payment an answer may be about the payment, which has the order's key, and says
 * nothing.
 */
function saidOtherwise(answer: ChargeStatus, row: DiscrepancyRow): string | undefined {
  const message = answer.kind === "accepted" ? answer.callback?.message : undefined;
  if (message?.type !== "payment.callback") return undefined;
  const { outcome, amountCents, currency, providerRef } = message;
  if (row.kind !== "missing_with_us" && providerRef !== row.chargeRef) return undefined;
  const isSo = outcome === "succeeded" && providerRef === row.chargeRef &&
    amountCents === row.theirCents && currency === row.theirCurrency;
  return isSo
    ? undefined
    : `the provider says that ${providerRef} ${outcome}: ${namedAmount(amountCents, currency)}`;
}

/** What the provider says of a row's charge when it is asked; undefined where it can't be. */
async function statusOf(
  deps: MendingDeps,
  row: DiscrepancyRow,
): Promise<ChargeStatus | undefined> {
  const gateway = gatewayNamed(deps, row.provider);
  const request = await chargeRequest(deps, row);
  if (gateway?.status === undefined || request === undefined) return undefined;
  const [answer] = await gateway.status([request]);
  return answer;
}

/** A row's charge as it was asked for; undefined where its key is not known. */
async function chargeRequest(
  { db }: MendingDeps,
  row: DiscrepancyRow,
): Promise<GatewayRequest | undefined> {
  const order = row.orderId === null
    ? undefined
    : (await readCharges(db, [row.orderId])).get(row.orderId);
  const key = row.movementKey ??
    (order === undefined ? undefined : (await readChargeKeys(db, [order])).get(order.id)?.[0]);
  const reference = order?.externalOrderId ?? row.reference;
  if (key === undefined || reference === null) return undefined;
  return {
    orderId: row.orderId ?? 0,
    reference,
    amountCents: row.ourCents ?? row.theirCents!,
    currency: row.ourCurrency ?? row.theirCurrency!,
    idempotencyKey: key,
  };
}

async function recordTheirRefund(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const key = await recordingKey(deps, row);
  const message = await recordRefund(deps.db, {
    orderId: row.orderId!,
    amountCents: row.theirCents!,
    currency: row.theirCurrency!,
    key,
  }, operator.actor);
  await publishAfterCommit(deps, [message]);
  return { kind: "goes_on", answer: `it is recorded as refund ${message.refundId}` };
}

/** The refund's own key, unless one that came to nothing here has it: what its provider made is another one. */
async function recordingKey({ db }: MendingDeps, row: DiscrepancyRow): Promise<string> {
  const { provider, part, movementKey } = row;
  const [asked] = movementKey === null
    ? []
    : await readRefundsOf(db, { keys: [movementKey], orderIds: [] });
  return movementKey === null || asked?.status === "FAILED"
    ? recordedKeyOf(provider, part)
    : movementKey;
}

/** Records what a customer's bank took, or gave again, as the provider's webhook would have told it. */
async function recordTheirChargeback(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const providerRef = chargebackNameOf(row);
  if (providerRef === null) {
    return {
      kind: "withdrawn",
      answer: "the report has no name for it, by which it would count once",
    };
  }
  const tookMoney = row.theirNetCents! + (row.theirFeeCents ?? 0) < 0;
  const { outcome } = await recordChargeback(deps, {
    provider: row.provider,
    providerRef,
    chargeRefs: [row.chargeRef!],
    amountCents: row.theirCents!,
    currency: row.theirCurrency!,
    state: tookMoney ? "needs_response" : "won",
    happenedAt: new Date(row.theirTime!),
  }, operator.actor);
  return outcome === "late"
    ? { kind: "withdrawn", answer: "something later is on record of this chargeback" }
    : { kind: "goes_on", answer: "it is recorded" };
}

/** Has money beside an order's payment recorded, and then given back by the verdict about it. */
async function giveBackByOrder(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const payments = await readPaymentsOf(deps.db, row.orderId!);
  const payment = payments.find(({ provider, providerRef }) =>
    provider === row.provider && providerRef === row.chargeRef
  );
  switch (payment?.status) {
    case undefined:
    case "DECLINED":
      return await recordCharge(deps, row);
    case "DISPUTED":
      await decideAndPublish(deps, row.orderId!, "give_back", operator, { paymentId: payment.id });
      return { kind: "goes_on", answer: "it is being given back" };
    case "REVERSING":
      return { kind: "goes_on", answer: "it is being given back" };
    case "REVERSED":
      return { kind: "ended", state: "MENDED", answer: "it has gone back" };
    default:
      return { kind: "withdrawn", answer: `the payment is ${payment?.status}` };
  }
}

/** Gives back at the provider what no order of ours knows of, under a key of its own. */
async function giveBackDirectly(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
  const gateway = gatewayNamed(deps, row.provider);
  if (gateway === undefined) return notConfigured(row.provider);
  const amountCents = directlyBack(row)!;
  const request: GatewayRequest = {
    orderId: row.orderId ?? 0,
    reference: row.reference ?? "",
    amountCents,
    currency: row.theirCurrency!,
    idempotencyKey: row.mendKey!,
    chargeRef: row.chargeRef!,
    chargeCents: row.theirCents!,
  };
  const [answer] = await gateway.refund([request]);
  switch (answer!.kind) {
    case "refunded": {
      const amount = namedAmount(amountCents, row.theirCurrency!);
      return { kind: "ended", state: "MENDED", answer: `${amount} have gone back` };
    }
    case "refused":
      return { kind: "withdrawn", answer: `the provider keeps it: ${answer!.reason}` };
    default:
      return { kind: "goes_on", answer: saidBy(answer!) };
  }
}

/** Asks what the provider has of a charge: what it confirms is explained. */
async function askAboutCharge(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
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

/** Asks what became of a refund of ours; one that the provider does not know is asked for again, under its own key. */
async function askAboutRefund(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
  const gateway = gatewayNamed(deps, row.provider);
  if (gateway?.refundStatus === undefined || row.movementKey === null) {
    return cantBeAsked(row.provider);
  }
  const request: GatewayRequest = {
    orderId: row.orderId!,
    reference: row.reference!,
    amountCents: row.ourCents!,
    currency: row.ourCurrency!,
    idempotencyKey: row.movementKey,
    chargeRef: row.chargeRef!,
  };
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
  if (answer.kind !== "unknown") return { kind: "goes_on", answer: saidBy(answer) };
  return await refundAgain(gateway, request);
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

function saidBy(answer: { kind: string; error?: string }): string {
  return answer.error ?? `the provider has not decided yet (${answer.kind})`;
}

function cantBeAsked(provider: string): Step {
  return { kind: "withdrawn", answer: `"${provider}" can't be asked about it` };
}

function notConfigured(provider: string): Step {
  return { kind: "withdrawn", answer: `"${provider}" is not configured here` };
}
