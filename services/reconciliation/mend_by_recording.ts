/**
 * Mends a discrepancy by recording what the provider's report tells, once the provider says the same.
 *
 * @module
 */

import { readRefundsOf } from "../../db/reconciliation/named_money.ts";
import { readMended } from "../../db/reconciliation/direct_refunds.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import type { CallbackMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import { textDigest } from "../../domain/order/content_hash.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { toldGrossCents } from "../../domain/reconciliation/discrepancy.ts";
import { chargebackNameOf } from "../../domain/reconciliation/provider_line.ts";
import { type ChargeStatus, gatewayNamed } from "../../streams/payments/gateway.ts";
import { recordedKeyOf } from "../../streams/reconciliation/find_facts.ts";
import { readReturnedMends } from "../../streams/reconciliation/returned_mends.ts";
import { chargebackOf, confirmRefund, statusOf, stillMade } from "./ask_before_recording.ts";
import { type MendingDeps, notConfigured, onItsWord, type Step } from "./mending_step.ts";
import { publishAfterCommit } from "../publish_after_commit.ts";
import { recordChargeback } from "../payments/record_chargeback.ts";
import { type Corrected, recordCorrection } from "./record_correction.ts";
import { recordRefund } from "./record_refund.ts";

/**
 * Records what a report tells of. Once it is on record a look at the books ends the discrepancy, so nothing is ended here; a step
 * that is repeated records nothing twice.
 *
 * @throws {WorkflowError} as what records it does
 */
export async function recordTheirs(
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
    case "mend":
      return await recordMend(deps, row, operator);
    case "refund":
      // Once more would be another refund: what the line is called was forgotten when it was found to be of this one.
      return row.refundId === null
        ? await recordTheirRefund(deps, row, operator)
        : { kind: "withdrawn", answer: `it is on record as refund ${row.refundId} already` };
    default:
      return { kind: "withdrawn", answer: "nothing of it is to be recorded" };
  }
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
export async function recordCharge(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
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

/**
 * Records what mending gave back of a charge before its order came on record, as a refund of that. Reports tell of it under the key of what
 * it mended.
 */
async function recordMend(
  deps: MendingDeps,
  { provider, movementKey, orderId, theirCents, theirCurrency }: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  const mend = movementKey === null
    ? undefined
    : (await readMended(deps.db, provider, [movementKey])).get(movementKey);
  if (mend === undefined || (await readReturnedMends(deps.db, provider, [mend.id])).size > 0) {
    return { kind: "withdrawn", answer: "it is not gone: what mended it came back, or is none" };
  }
  const message = await recordRefund(deps.db, {
    orderId: orderId!,
    amountCents: theirCents!,
    currency: theirCurrency!,
    key: recordedKeyOf(provider, textDigest(`mended\n${mend.id}`)),
  }, operator.actor);
  if (message === undefined) return { kind: "goes_on", answer: stillMade };
  await publishAfterCommit(deps, [message]);
  const answer = `it is recorded as refund ${message.refundId}`;
  return { kind: "ended", state: "MENDED", answer };
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
