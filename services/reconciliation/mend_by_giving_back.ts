/**
 * Mends a discrepancy by giving money back: by the order that it is beside, or at the provider directly.
 *
 * @module
 */

import { readPaymentsOf } from "../../db/payments/payments.ts";
import {
  noteMendCents,
  readMendedBy,
  sumToldBack,
  takeMendKey,
} from "../../db/reconciliation/direct_refunds.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { refusedKeysOf } from "../../domain/payment/payment_key.ts";
import { directlyBack } from "../../domain/reconciliation/discrepancy.ts";
import { type Gateway, gatewayNamed, type GatewayRequest } from "../../streams/payments/gateway.ts";
import { contestOf, moneyOf, othersMoney, stillContested } from "./ask_before_recording.ts";
import { decideAndPublish } from "../payments/decide_payment.ts";
import { recordCharge } from "./mend_by_recording.ts";
import { type MendingDeps, notConfigured, saidBy, type Step } from "./mending_step.ts";
import { askWhatIsLeft } from "./money_left.ts";

/** Has money beside an order's payment recorded, and then given back by the verdict about it. */
export async function giveBackByOrder(
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

/** Gives back at the provider what no order of ours knows of, under a key of its own. */
export async function giveBackDirectly(deps: MendingDeps, row: DiscrepancyRow): Promise<Step> {
  const gateway = gatewayNamed(deps, row.provider);
  if (gateway === undefined) return notConfigured(row.provider);
  const first = await firstOf(deps, row);
  if (first === undefined) {
    return { kind: "withdrawn", answer: "what it was to mend first is on record no more" };
  }
  const contest = await contestOf(deps, row);
  if (contest?.isHeld) return { kind: "goes_on", answer: stillContested };
  const lostCents = contest?.lostCents ?? 0;
  // Once more has been asked for, what was refused is asked about no more: that would hide what came of the other.
  const before = row.mendCents === null ? await askAboutRefused(deps, row, gateway) : undefined;
  if (before !== undefined) return before;
  if (lostCents > 0 && row.mendCents !== null) return await askWhetherMade(row, gateway);
  const left = await leftOf(deps, { row, first, lostCents });
  if (typeof left !== "number") return left;
  if (gateway.refundStatus === undefined && refusedKeysOf(row.mendKey!).length > 0) {
    return {
      kind: "withdrawn",
      answer: `"${row.provider}" can't be asked whether it was made after all`,
    };
  }
  const amountCents = left;
  const request = directRequest(row, { key: row.mendKey!, amountCents });
  const [answer] = await gateway.refund([{ ...request, chargeCents: first.theirCents! }]);
  switch (answer!.kind) {
    case "refunded": {
      const amount = namedAmount(amountCents, row.theirCurrency!);
      return { kind: "ended", state: "MENDED", answer: `${amount} have gone back` };
    }
    case "refused":
      return {
        kind: "withdrawn",
        answer: `the provider keeps it: ${answer!.reason}`,
        isRefusal: true,
      };
    default:
      return { kind: "goes_on", answer: saidBy(answer!) };
  }
}

/** A refund that is made directly at the provider. */
function directRequest(
  row: DiscrepancyRow,
  { key, amountCents }: { key: string; amountCents: number },
): GatewayRequest {
  return {
    orderId: row.orderId ?? 0,
    reference: row.reference ?? "",
    amountCents,
    currency: row.theirCurrency!,
    idempotencyKey: key,
    chargeRef: row.chargeRef!,
  };
}

/**
 * What became of what was refused before, under earlier keys, where it is asked for once more: a refusal may have been of a moment
 * before it was made after all, by the provider's own pages or by a process that stood still. Made twice it would be under two keys.
 *
 * @returns undefined where all of it was refused for good, or it can't be asked
 */
async function askAboutRefused(
  { db }: MendingDeps,
  row: DiscrepancyRow,
  gateway: Gateway,
): Promise<Step | undefined> {
  const keys = refusedKeysOf(row.mendKey!);
  if (keys.length === 0 || gateway.refundStatus === undefined) return undefined;
  const amountCents = directlyBack(row) ?? 0;
  const answers = await gateway.refundStatus(
    // How much each was of went with what was dropped.
    keys.map((key) => ({ ...directRequest(row, { key, amountCents }), ofAnyAmount: true })),
  );
  const made = answers.findIndex(({ kind }) => kind === "refunded");
  const answer = answers[made];
  if (answer?.kind === "refunded") {
    await takeMendKey(db, row, keys[made]!);
    await noteMendCents(db, row, answer.amountCents ?? amountCents);
    const says = "the provider says that what it refused at first was given back after all";
    return { kind: "ended", state: "MENDED", answer: says };
  }
  const unsure = answers.find(({ kind }) => kind !== "refused" && kind !== "unknown");
  if (unsure === undefined) return undefined;
  return unsure.kind === "failed"
    ? { kind: "withdrawn", answer: unsure.error }
    : { kind: "goes_on", answer: saidBy(unsure) };
}

/** What becomes of what was asked for before the customer's bank took of it: whatever it made of that, nothing is asked for. */
async function askWhetherMade(
  row: DiscrepancyRow,
  gateway: Gateway,
): Promise<Step> {
  const request = directRequest(row, { key: row.mendKey!, amountCents: row.mendCents! });
  const [answer] = await gateway.refundStatus?.([request]) ?? [];
  switch (answer?.kind) {
    case "refunded": {
      const amount = namedAmount(row.mendCents!, row.theirCurrency!);
      return { kind: "ended", state: "MENDED", answer: `${amount} have gone back` };
    }
    case "pending":
    case "away":
      return { kind: "goes_on", answer: saidBy(answer) };
    default:
      return {
        kind: "withdrawn",
        answer: "its customer's bank has taken of it meanwhile",
        isRefusal: answer?.kind === "refused",
      };
  }
}

/** What comes of an action that was dropped or ended, or approved anew, while this process stood still. */
const overtaken: Step = { kind: "withdrawn", answer: "something else became of it meanwhile" };

/** What comes of an action by which more would go back than is to: most of the charge has come to be an order's since. */
const onRecordSince: Step = {
  kind: "withdrawn",
  answer: "an order has come to have it on record, and less of it is to be given back by now",
};

/** How often money may come back that is given back again. */
const maxReturns = 100;

/** What a discrepancy was at first: of money that came back the one that it was to mend; undefined where that is gone. */
async function firstOf(
  { db }: MendingDeps,
  row: DiscrepancyRow,
): Promise<DiscrepancyRow | undefined> {
  let first: DiscrepancyRow | undefined = row;
  for (let times = 0; times < maxReturns && first?.movement === "unmended"; times++) {
    first = first.movementKey === null ? undefined : await readMendedBy(db, first.movementKey);
  }
  return first;
}

/**
 * How much is to be given back directly: no more than the provider still has of it, which it is asked first, as something may
 * have gone back by its own pages. The amount is noted before it is asked for, so that a step that is repeated asks for the same
 * under the same key.
 *
 * @param of.first what it was about before anything went back and came back
 * @param of.lostCents what the customer's bank has taken of it
 */
async function leftOf(
  deps: MendingDeps,
  { row, first, lostCents }: { row: DiscrepancyRow; first: DiscrepancyRow; lostCents: number },
): Promise<number | Step> {
  const wanted = directlyBack(row);
  const all = directlyBack(first);
  if (wanted === null || wanted <= 0 || all === null) {
    return { kind: "withdrawn", answer: "nothing of it is to be given back directly" };
  }
  if (row.mendCents !== null && row.mendCents > wanted) return onRecordSince;
  if (row.mendCents !== null) return await noteMendCents(deps.db, row, row.mendCents) ?? overtaken;
  const has = await stillHas(deps, first);
  if (has !== undefined && typeof has !== "number") return has;
  if (has === undefined && first.kind === "amount_differs") {
    const answer =
      `"${row.provider}" can't be asked what it has of it, and a later line may take back ` +
      "what was not captured: give it back by its own pages";
    return { kind: "withdrawn", answer };
  }
  const had = has ?? all - await sumToldBack(deps.db, first);
  const left = Math.min(wanted, had - lostCents);
  const amount = namedAmount(wanted, row.theirCurrency!);
  // Another process may have noted it, and asked for it, while the provider was asked here.
  const noted = await noteMendCents(deps.db, row, left);
  if (noted !== undefined) return noted;
  return left > 0
    ? overtaken
    : { kind: "ended", state: "EXPLAINED", answer: `all of ${amount} went back before` };
}

/** What the provider says that it still has of what is to go back; undefined where it can't be asked. */
async function stillHas(
  deps: MendingDeps,
  first: DiscrepancyRow,
): Promise<number | Step | undefined> {
  const left = await askWhatIsLeft(deps, first);
  if (left === undefined || "kind" in left) return left;
  const { money, leftCents } = left;
  if (money.tookCents < first.theirCents! || money.currency !== first.theirCurrency) {
    const took = namedAmount(money.tookCents, money.currency);
    return { kind: "withdrawn", answer: `the provider says that it took ${took} by ${money.ref}` };
  }
  return leftCents;
}
