/**
 * Mends a discrepancy by giving money back: by the order that it is beside, or at the provider directly.
 *
 * @module
 */

import { readCharges } from "../db/orders/orders.ts";
import { readPaymentsOf } from "../db/payments/payments.ts";
import {
  type DiscrepancyRow,
  noteMendCents,
  readMendedBy,
  sumToldBack,
} from "../db/reconciliation/discrepancies.ts";
import { namedAmount } from "../domain/money.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { directlyBack } from "../domain/reconciliation/discrepancy.ts";
import { type Gateway, gatewayNamed, type GatewayRequest } from "../streams/payments/gateway.ts";
import {
  contestOf,
  hasOpenRefund,
  moneyOf,
  othersMoney,
  refundRequest,
  stillContested,
  stillMade,
} from "./ask_before_recording.ts";
import { decideAndPublish } from "./decide_payment.ts";
import { recordCharge } from "./mend_by_recording.ts";
import { type MendingDeps, notConfigured, saidBy, type Step } from "./mending_step.ts";

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
  if (lostCents > 0 && row.mendCents !== null) return await askWhetherMade(row, gateway);
  const left = await leftOf(deps, { row, first, lostCents });
  if (typeof left !== "number") return left;
  const amountCents = left;
  const request: GatewayRequest = {
    orderId: row.orderId ?? 0,
    reference: row.reference ?? "",
    amountCents,
    currency: row.theirCurrency!,
    idempotencyKey: row.mendKey!,
    chargeRef: row.chargeRef!,
    chargeCents: first.theirCents!,
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

/** What becomes of what was asked for before the customer's bank took of it: whatever it made of that, nothing is asked for. */
async function askWhetherMade(
  row: DiscrepancyRow,
  gateway: Gateway,
): Promise<Step> {
  const said = await gateway.refundStatus?.([refundRequest(row, row.mendKey!)]);
  const [answer] = said ?? [];
  switch (answer?.kind) {
    case "refunded": {
      const amount = namedAmount(row.mendCents!, row.theirCurrency!);
      return { kind: "ended", state: "MENDED", answer: `${amount} have gone back` };
    }
    case "pending":
    case "away":
      return { kind: "goes_on", answer: saidBy(answer) };
    default:
      return { kind: "withdrawn", answer: "its customer's bank has taken of it meanwhile" };
  }
}

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
  if (row.mendCents !== null) return row.mendCents;
  const has = await stillHas(deps, first);
  if (has !== undefined && typeof has !== "number") return has;
  const had = has ?? all - await sumToldBack(deps.db, first);
  const left = Math.min(wanted, had - lostCents);
  const amount = namedAmount(wanted, row.theirCurrency!);
  // Another process may have noted it, and asked for it, while the provider was asked here.
  return await noteMendCents(deps.db, row.id, left) ??
    { kind: "ended", state: "EXPLAINED", answer: `all of ${amount} went back before` };
}

/** What the provider says that it still has of what is to go back; undefined where it can't be asked. */
async function stillHas(
  deps: MendingDeps,
  first: DiscrepancyRow,
): Promise<number | Step | undefined> {
  const money = await moneyOf(deps, first);
  if (money === undefined) return undefined;
  if (money.kind === "unknown") {
    return { kind: "withdrawn", answer: "the provider knows of no such charge when it is asked" };
  }
  if (money.kind !== "found") return { kind: "goes_on", answer: money.error };
  const others = await othersMoney(deps, money);
  if (others !== undefined) return { kind: "withdrawn", answer: others };
  const order = first.kind !== "amount_differs" || first.orderId === null
    ? undefined
    : (await readCharges(deps.db, [first.orderId])).get(first.orderId);
  // What of a refund that is under way has gone back already nobody can tell.
  if (order !== undefined && await hasOpenRefund(deps.db, order.id)) {
    return { kind: "goes_on", answer: stillMade };
  }
  // What our order has and has given back of the charge is not the surplus that goes back here.
  const ours = order === undefined ? 0 : (first.ourCents ?? 0) - order.refundedCents;
  if (money.tookCents < first.theirCents! || money.currency !== first.theirCurrency) {
    const took = namedAmount(money.tookCents, money.currency);
    return { kind: "withdrawn", answer: `the provider says that it took ${took} by ${money.ref}` };
  }
  return money.tookCents - money.refundedCents - ours;
}
