/**
 * Carries out what was approved about a discrepancy, step by step: what was done before is seen, and not done again.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import { readCharges } from "../db/orders/orders.ts";
import { readPaymentsOf } from "../db/payments/payments.ts";
import { readRefundsOf } from "../db/reconciliation/line_facts.ts";
import {
  type DiscrepancyRow,
  endDiscrepancy,
  noteAnswer,
  noteMendCents,
  sumToldBack,
  withdrawAction,
} from "../db/reconciliation/discrepancies.ts";
import { databaseTime } from "../domain/database_time.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import type { CallbackMessage } from "../domain/messages/messages.ts";
import { namedAmount } from "../domain/money.ts";
import type { Operator } from "../domain/operation/audit.ts";
import {
  canBeAskedAbout,
  directlyBack,
  isOfBank,
  toldGrossCents,
} from "../domain/reconciliation/discrepancy.ts";
import { chargebackNameOf } from "../domain/reconciliation/provider_line.ts";
import { cutText } from "../domain/text/cut_text.ts";
import {
  type ChargebackAnswer,
  type ChargeStatus,
  type Gateway,
  gatewayNamed,
  type GatewayRequest,
  type Gateways,
  type RefundStatusAnswer,
} from "../streams/payments/gateway.ts";
import { recordedKeyOf } from "../streams/reconciliation/line_facts.ts";
import {
  chargeRequest,
  confirmRefund,
  hasOpenRefund,
  moneyOf,
  othersMoney,
  refundRequest,
  stillMade,
} from "./ask_before_recording.ts";
import { decideAndPublish } from "./decide_payment.ts";
import { publishAfterCommit, type ServiceDeps } from "./publish_after_commit.ts";
import { recordChargeback, type RecordChargebackDeps } from "./record_chargeback.ts";
import { type Corrected, recordCorrection } from "./record_correction.ts";
import { recordRefund } from "./record_refund.ts";
import { readReturnedReversals } from "../db/payments/returned_reversals.ts";
import { takeBackReversal } from "../streams/payments/take_back_reversal.ts";
import { takeBack } from "./take_refund_news.ts";

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
        return await recordTheirs(deps, row, operator);
      case "give_back":
        return row.mendKey === null
          ? await giveBackByOrder(deps, row, operator)
          : await giveBackDirectly(deps, row);
      case "ask":
        if (row.kind === "missing_with_them" && isOfBank(row.movement)) {
          return await askAboutChargeback(deps, row, operator);
        }
        if (!canBeAskedAbout(row.movement)) return cantBeAsked(row.provider);
        return row.movement === "charge"
          ? await askAboutCharge(deps, row)
          : await askAboutRefund(deps, row, operator);
      default:
        return { kind: "withdrawn", answer: "nothing is to be done" };
    }
  } catch (error) {
    if (!(error instanceof WorkflowError) || error.code === "unavailable") throw error;
    return { kind: "withdrawn", answer: messageOf(error) };
  }
}

async function recordTheirs(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  switch (row.movement) {
    case "charge":
      return await recordCharge(deps, row);
    case "chargeback":
      return await recordTheirChargeback(deps, row, operator);
    case "correction":
      return stepOf(row, await recordCorrection(deps, row, operator));
    default:
      // Once more would be another refund: what the line is called was forgotten when it was found to be of this one.
      return row.refundId === null
        ? await recordTheirRefund(deps, row, operator)
        : { kind: "withdrawn", answer: `it is on record as refund ${row.refundId} already` };
  }
}

/** What a report alone told, where its provider can't be asked. */
function onItsWord(answer: string, { provider }: DiscrepancyRow, asked: boolean): string {
  return asked ? answer : `${answer}, by the report's word: "${provider}" can't be asked about it`;
}

function stepOf(row: DiscrepancyRow, corrected: Corrected): Step {
  switch (corrected.kind) {
    case "recorded":
      return { kind: "goes_on", answer: onItsWord(corrected.says, row, corrected.asked) };
    case "denied":
      return { kind: "withdrawn", answer: corrected.says };
    case "later":
      return { kind: "goes_on", answer: corrected.says };
  }
}

/**
 * Tells the consumers of a charge as its provider would have: they settle the order by it, give it back where the order is
 * over, or hold it for a decision beside the order's other money. Where the provider can be asked it has to say the same
 * of the charge, and while it can't be reached nothing is told.
 */
async function recordCharge(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
  // Nobody could give such a payment back, and no process starts beside money that nobody can give back.
  if (gatewayNamed(deps, row.provider) === undefined) return notConfigured(row.provider);
  const answer = await statusOf(deps, row);
  if (answer?.kind === "unknown") {
    return { kind: "withdrawn", answer: "the provider knows of no such charge when it is asked" };
  }
  if (answer?.kind === "away") return { kind: "goes_on", answer: answer.error };
  const undecided = answer === undefined ? undefined : undecidedBy(answer, row);
  if (undecided !== undefined) return undecided;
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
  return {
    kind: "goes_on",
    answer: onItsWord("the order is told of the charge", row, answer !== undefined),
  };
}

/**
 * What comes of an answer that names no end of a charge: money that is only held, or that waits for its customer, pays no order
 * yet, and an answer that can't be about it never does.
 */
function undecidedBy(answer: ChargeStatus, { kind }: DiscrepancyRow): Step | undefined {
  if (kind !== "missing_with_us") return undefined;
  if (answer.kind === "failed") return { kind: "withdrawn", answer: answer.error };
  if (answer.kind !== "accepted" || answer.callback?.message.type === "payment.callback") {
    return undefined;
  }
  const has = answer.hold === undefined ? "has not taken it yet" : "holds it, and has not taken it";
  return { kind: "goes_on", answer: `the provider says that it ${has}` };
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
  const { chargeRef: _, ...request } = await chargeRequest(deps, row);
  const isKnown = request.idempotencyKey !== "" && request.reference !== "";
  if (gateway?.status === undefined || !isKnown) return undefined;
  const [answer] = await gateway.status([request]);
  return answer;
}

/** Records a refund that the provider has made, which it is asked about first. */
async function recordTheirRefund(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const confirmed = await confirmRefund(deps, row);
  if (confirmed.kind === "denied") return { kind: "withdrawn", answer: confirmed.says };
  if (confirmed.kind === "later") return { kind: "goes_on", answer: confirmed.says };
  const key = await recordingKey(deps, row);
  const message = await recordRefund(deps.db, {
    orderId: row.orderId!,
    amountCents: row.theirCents!,
    currency: row.theirCurrency!,
    key,
    ...("refundedCents" in confirmed ? { refundedCents: confirmed.refundedCents } : {}),
  }, operator.actor);
  if (message === undefined) return { kind: "goes_on", answer: stillMade };
  await publishAfterCommit(deps, [message]);
  const recorded = `it is recorded as refund ${message.refundId}`;
  return { kind: "goes_on", answer: onItsWord(recorded, row, confirmed.kind === "confirmed") };
}

/** The refund's own key, unless one that came to nothing here has it: what its provider made is another one. */
async function recordingKey({ db }: MendingDeps, row: DiscrepancyRow): Promise<string> {
  const { provider, part, movementKey } = row;
  const [asked] = movementKey === null
    ? []
    : await readRefundsOf(db, { keys: [movementKey], orderIds: [] });
  return movementKey === null || (asked?.status === "FAILED" && !asked.isReturned)
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
  const answer = row.refundRef === null ? undefined : await chargebackOf(deps, row);
  if (answer?.kind === "unknown") {
    return {
      kind: "withdrawn",
      answer: "the provider knows of no such chargeback when it is asked",
    };
  }
  if (answer !== undefined && answer.kind !== "found") {
    return { kind: "goes_on", answer: answer.error };
  }
  if (answer !== undefined && !answer.chargeback.chargeRefs.includes(row.chargeRef!)) {
    const [other] = answer.chargeback.chargeRefs;
    return {
      kind: "withdrawn",
      answer: `the provider says that it is of another charge: ${other}`,
    };
  }
  const tookMoney = toldGrossCents(row) < 0;
  const told = answer?.chargeback ?? {
    chargeRefs: [row.chargeRef!],
    amountCents: row.theirCents!,
    currency: row.theirCurrency!,
    state: tookMoney ? "needs_response" as const : "won" as const,
    happenedAt: new Date(row.theirTime!),
  };
  const { provider } = row;
  const { outcome } = await recordChargeback(
    deps,
    { ...told, provider, providerRef },
    operator.actor,
  );
  switch (outcome) {
    case "late":
      return { kind: "withdrawn", answer: "something later is on record of this chargeback" };
    // It is on record, and the line tells something else all the same.
    case "unchanged":
      return { kind: "withdrawn", answer: `it is on record already, as ${told.state}` };
    case "taken":
      return { kind: "goes_on", answer: onItsWord("it is recorded", row, answer !== undefined) };
  }
}

/** What the provider says of a row's chargeback; undefined where it can't be asked. */
async function chargebackOf(
  deps: MendingDeps,
  { provider, refundRef }: DiscrepancyRow,
): Promise<ChargebackAnswer | undefined> {
  return await gatewayNamed(deps, provider)?.chargeback?.(refundRef!);
}

/** Asks how a chargeback is that no report tells of: what the provider confirms is explained, and else it is recorded. */
async function askAboutChargeback(
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
  // It would wait for ever for the only one who can give it back.
  if (payment?.status !== "REVERSED" && gatewayNamed(deps, row.provider) === undefined) {
    return notConfigured(row.provider);
  }
  switch (payment?.status) {
    case undefined:
    case "DECLINED":
      return await refusalByName(deps, row) ?? await recordCharge(deps, row);
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

/**
 * What keeps a charge from being recorded beside an order's payment, in order to be given back: a line that has only the order's
 * name may be of another installation's order of the same name.
 */
async function refusalByName(deps: MendingDeps, row: DiscrepancyRow): Promise<Step | undefined> {
  if (gatewayNamed(deps, row.provider)?.can?.looksUpByName !== true) return undefined;
  const money = await moneyOf(deps, row);
  if (money?.kind === "away" || money?.kind === "failed") {
    return { kind: "goes_on", answer: money.error };
  }
  const others = await othersMoney(deps, money);
  return others === undefined ? undefined : { kind: "withdrawn", answer: others };
}

/**
 * How much is to be given back directly: no more than the provider still has of it, which it is asked first, as something may
 * have gone back by its own pages. The amount is noted before it is asked for, so that a step that is repeated asks for the same
 * under the same key.
 */
async function leftOf(
  deps: MendingDeps,
  row: DiscrepancyRow,
): Promise<number | Step> {
  const wanted = directlyBack(row);
  if (wanted === null || wanted <= 0) {
    return { kind: "withdrawn", answer: "nothing of it is to be given back directly" };
  }
  if (row.mendCents !== null) return row.mendCents;
  const money = await moneyOf(deps, row);
  let left = wanted - await sumToldBack(deps.db, row);
  if (money !== undefined) {
    if (money.kind === "unknown") {
      return { kind: "withdrawn", answer: "the provider knows of no such charge when it is asked" };
    }
    if (money.kind !== "found") return { kind: "goes_on", answer: money.error };
    const others = await othersMoney(deps, money);
    if (others !== undefined) return { kind: "withdrawn", answer: others };
    const order = row.kind !== "amount_differs" || row.orderId === null
      ? undefined
      : (await readCharges(deps.db, [row.orderId])).get(row.orderId);
    // What of a refund that is under way has gone back already nobody can tell.
    if (order !== undefined && await hasOpenRefund(deps.db, order.id)) {
      return { kind: "goes_on", answer: stillMade };
    }
    // What our order has and has given back of the charge is not the surplus that goes back here.
    const ours = order === undefined ? 0 : (row.ourCents ?? 0) - order.refundedCents;
    if (money.tookCents < row.theirCents! || money.currency !== row.theirCurrency) {
      const took = namedAmount(money.tookCents, money.currency);
      return {
        kind: "withdrawn",
        answer: `the provider says that it took ${took} by ${money.ref}`,
      };
    }
    left = Math.min(wanted, money.tookCents - money.refundedCents - ours);
  }
  const amount = namedAmount(wanted, row.theirCurrency!);
  if (left <= 0) {
    return { kind: "ended", state: "EXPLAINED", answer: `all of ${amount} went back before` };
  }
  await noteMendCents(deps.db, row.id, left);
  return left;
}

/** Gives back at the provider what no order of ours knows of, under a key of its own. */
async function giveBackDirectly(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
  const gateway = gatewayNamed(deps, row.provider);
  if (gateway === undefined) return notConfigured(row.provider);
  const left = await leftOf(deps, row);
  if (typeof left !== "number") return left;
  const amountCents = left;
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
async function askAboutRefund(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const gateway = gatewayNamed(deps, row.provider);
  if (gateway?.refundStatus === undefined || row.movementKey === null) {
    return cantBeAsked(row.provider);
  }
  const request = refundRequest(row, row.movementKey);
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
  const [ours] = await readRefundsOf(deps.db, { keys: [row.movementKey], orderIds: [] });
  if (ours?.isReturned || await isReversalBack(deps, row)) {
    const says = "the provider knows of none, and has taken it back: its money is owed otherwise";
    return { kind: "ended", state: "EXPLAINED", answer: says };
  }
  return await refundAgain(gateway, request);
}

/** Whether it is a payment that went back whole, and that its provider took back. */
async function isReversalBack({ db }: MendingDeps, row: DiscrepancyRow): Promise<boolean> {
  const { movement, paymentId: id, orderId, chargeRef: ref } = row;
  if (movement !== "reversal" || id === null || orderId === null || ref === null) return false;
  return (await readReturnedReversals(db, [{ id, orderId, ref }])).size > 0;
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
  if (row.refundId === null) return { kind: "withdrawn", answer };
  const { provider, refundId } = row;
  const returnedAt = databaseTime(Date.now());
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

function saidBy(answer: { kind: string; error?: string }): string {
  return answer.error ?? `the provider has not decided yet (${answer.kind})`;
}

function cantBeAsked(provider: string): Step {
  return { kind: "withdrawn", answer: `"${provider}" can't be asked about it` };
}

function notConfigured(provider: string): Step {
  return { kind: "withdrawn", answer: `"${provider}" is not configured here` };
}
