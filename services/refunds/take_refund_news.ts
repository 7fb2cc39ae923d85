/**
 * Taking what providers say of refunds later: the one way for their webhooks, look-ups and reports.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { readCharges } from "../../db/orders/orders.ts";
import { readPayments } from "../../db/payments/payments.ts";
import { type DirectRefund, readMended } from "../../db/reconciliation/direct_refunds.ts";
import type { NamedPayment, NamedRefund } from "../../db/reconciliation/named_money.ts";
import { databaseTime } from "../../domain/database_time.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { LeftDatabaseError } from "../../domain/operation/left_database.ts";
import type { Log } from "../../domain/operation/log.ts";
import { textDigest } from "../../domain/order/content_hash.ts";
import { nameOfRefund } from "../../domain/reconciliation/provider_line.ts";
import type { ReversalReturnDecision } from "../../domain/refund/returned.ts";
import { followReturns, type FollowReturnsDeps } from "../../streams/payments/follow_returns.ts";
import {
  findRefundOf,
  takeBackRefund,
  type TakenBack,
  type TakenBackRefund,
} from "../../streams/payments/take_back_refund.ts";
import { findReversalOf, takeBackReversal } from "../../streams/payments/take_back_reversal.ts";
import type { Gateway } from "../../streams/payments/gateway.ts";
import { countOthersCallback } from "../../streams/payments/others_callbacks.ts";
import type { ProviderRefund } from "../../streams/payments/provider.ts";
import { recordedKeyOf, standingKeyOf } from "../../streams/reconciliation/find_facts.ts";
import { readReturnedMends, takeBackMend } from "../../streams/reconciliation/returned_mends.ts";
import { noteCommitted } from "../../streams/recovery/database_age.ts";
import { othersMoney } from "../reconciliation/ask_before_recording.ts";

/** What taking them works with. */
export interface RefundNewsDeps extends FollowReturnsDeps {
  db: Database;
  log: Log;
}

/** What a provider says of a refund by itself. */
export interface RefundNews {
  provider: string;
  refund: ProviderRefund;
  /** When it was so. */
  happenedAt: Date;
  /** Who can be asked about it, and whose charge it is of; left out for nobody. */
  gateway?: Gateway;
}

/** What becomes of news. */
export type NewsOutcome = TakenBackRefund["outcome"] | ReversalReturnDecision["kind"] | "other";

/**
 * Takes what a provider says of a refund, or of a payment that went back whole: that it will never reach its customer. Nothing else
 * is news, because the refund's own message asks until it is made. Told twice, or in another sequence, it counts once.
 *
 * A word may be late, and of an earlier try: the provider is asked first, where it can be. Where it does not say the same, nothing
 * is written; where it says nothing yet, it has to tell this again, as it does for days.
 *
 * @returns `other` where it says nothing that anybody waits for, or is of no refund of ours: nor is one of a charge that the
 * provider says another installation asked for
 * @throws {WorkflowError} `charge_not_known` where it may be of one that is not on record yet, is still being booked, or can't be
 * confirmed now: the provider sends it again
 */
export async function takeRefundNews(
  deps: RefundNewsDeps,
  news: RefundNews,
): Promise<NewsOutcome> {
  if (news.refund.state !== "refused") return "other";
  const outcome = await takeRefused(deps, news);
  if (isWritten.has(outcome)) await hear(deps);
  return outcome;
}

/** What of the outcomes is written down. */
const isWritten: ReadonlySet<NewsOutcome> = new Set(["return", "given_by_hand", "charged_back"]);

/** Has Redis hear of it before the provider, which tells it once, has an answer. */
async function hear(deps: RefundNewsDeps): Promise<void> {
  try {
    await noteCommitted(deps);
  } catch (error) {
    if (error instanceof LeftDatabaseError) throw error;
    deps.log.warn("books not noted", { error: messageOf(error) });
  }
}

async function takeRefused(deps: RefundNewsDeps, news: RefundNews): Promise<NewsOutcome> {
  const { provider, refund: { key, ref, chargeRefs = [] } } = news;
  const keys = [
    ...(key == null ? [] : [key]),
    ...(ref === null
      ? []
      : [recordedKeyOf(provider, textDigest(`${provider}\n${nameOfRefund(ref)}`))]),
  ];
  const found = await findRefundOf(deps.db, keys);
  if (found !== undefined) {
    return await takeOfRefund(deps, news, await standingFor(deps, found, provider));
  }
  const payment = await findReversalOf(deps.db, provider, { key: key ?? null, chargeRefs });
  if (payment !== undefined) return await takeOfReversal(deps, news, payment);
  const mend = key == null ? undefined : (await readMended(deps.db, provider, [key])).get(key);
  if (mend !== undefined) return await takeOfMend(deps, news, mend);
  deps.log.warn("a provider took back a refund that nobody here knows", {
    provider,
    refund: ref,
    key,
  });
  if (key != null && /^re(fund|versal)[_-]/.test(key)) {
    if (await isOfOthers(deps, news)) {
      await countOthersCallback(deps, provider);
      return "other";
    }
    throw unknownYet("No refund is known that was asked for under this key");
  }
  return "other";
}

/** Whether the provider says that another installation on the same account asked for the charge: it is told of by itself. */
async function isOfOthers(
  { db }: RefundNewsDeps,
  { refund: { chargeRefs = [] }, gateway }: RefundNews,
): Promise<boolean> {
  const [chargeRef] = chargeRefs;
  if (chargeRef === undefined || gateway?.money === undefined || !gateway.can?.looksUpByName) {
    return false;
  }
  const [money] = await gateway.money([{
    orderId: 0,
    reference: "",
    amountCents: 0,
    currency: "",
    idempotencyKey: "",
    chargeRef,
  }]);
  return await othersMoney({ db }, money) !== undefined;
}

/** A refund, or by what it is on record again where it came back before and its provider had it as given back all the same. */
async function standingFor(
  { db }: RefundNewsDeps,
  found: NamedRefund,
  provider: string,
): Promise<NamedRefund> {
  if (!found.isReturned) return found;
  return await findRefundOf(db, [standingKeyOf(provider, found.id)]) ?? found;
}

async function takeOfRefund(
  deps: RefundNewsDeps,
  news: RefundNews,
  found: NamedRefund,
): Promise<NewsOutcome> {
  const { provider, refund: { reason }, happenedAt } = news;
  if (!isOfMoney(deps, news, { refund_id: found.id }, found)) return "other";
  const { id: refundId, status, isReturned } = found;
  let why = reason || null;
  // Nothing is written of any other, so that nothing has to be confirmed.
  if (status === "PROCESSED" && !isReturned) {
    const payment = (await readPayments(deps.db, [found.orderId])).get(found.orderId);
    // What was asked for under a key is with whoever has the payment; what was recorded says in its own whose it is.
    if (found.key === news.refund.key && payment !== undefined && payment.provider !== provider) {
      deps.log.error("a provider took back a refund that another one made", {
        provider,
        refund_id: refundId,
        made_by: payment.provider,
      });
      return "other";
    }
    const said = await confirm(deps, news, {
      ...found,
      chargeRef: payment?.providerRef,
      chargeCents: payment?.amountCents,
    });
    if (said === "denied") return "other";
    why ??= said.reason;
  }
  const told = { refundId, provider, reason: why, returnedAt: databaseTime(happenedAt) };
  const taken = await takeBack(deps, told, `provider:${provider}`);
  if (taken?.outcome === "too_early") throw unknownYet("The refund is still being booked");
  return taken?.outcome ?? "other";
}

async function takeOfReversal(
  deps: RefundNewsDeps,
  news: RefundNews,
  payment: NamedPayment,
): Promise<NewsOutcome> {
  const { provider, refund: { reason } } = news;
  const { id: paymentId, orderId, amountCents, ref: chargeRef, status } = payment;
  if (!isOfMoney(deps, news, { payment_id: paymentId }, payment)) return "other";
  let why = reason || null;
  if (status === "REVERSED") {
    const said = await confirm(deps, news, { ...payment, chargeRef, chargeCents: amountCents });
    if (said === "denied") return "other";
    why ??= said.reason;
  }
  const told = { paymentId, orderId, reason: why };
  const outcome = await takeBackReversal(deps, told, `provider:${provider}`);
  if (outcome === "too_early") throw unknownYet("The payment is still being given back");
  return outcome ?? "other";
}

/** Of what was given back directly to mend a discrepancy. */
async function takeOfMend(
  deps: RefundNewsDeps,
  news: RefundNews,
  { id, orderId, chargeRef, cents: amountCents, currency, state }: DirectRefund,
): Promise<NewsOutcome> {
  const { provider, refund: { reason }, happenedAt } = news;
  const ours = { amountCents, currency };
  if (!isOfMoney(deps, news, { discrepancy: id }, ours)) return "other";
  let why = reason || null;
  const isReturned = (await readReturnedMends(deps.db, provider, [id])).size > 0;
  if (state === "mended" && !isReturned) {
    const asked = { ...ours, orderId: orderId ?? 0, chargeRef, chargeCents: undefined };
    const said = await confirm(deps, news, asked);
    if (said === "denied") return "other";
    why ??= said.reason;
  }
  const told = { id, reason: why, returnedAt: databaseTime(happenedAt) };
  const outcome = await takeBackMend(deps, told);
  if (outcome === "too_early") throw unknownYet("The discrepancy is still being mended");
  return outcome ?? "other";
}

function isOfMoney(
  { log }: RefundNewsDeps,
  { provider, refund: { amountCents, currency } }: RefundNews,
  of: Record<string, number>,
  ours: { amountCents: number; currency: string },
): boolean {
  const isSame = (amountCents ?? ours.amountCents) === ours.amountCents &&
    (currency ?? ours.currency) === ours.currency;
  if (isSame) return true;
  log.error("a provider took back another amount than a refund is of", {
    provider,
    ...of,
    amount_cents: amountCents,
    currency,
  });
  return false;
}

/** The provider's word for why, where it was asked and has one. */
interface Confirmed {
  reason: string | null;
}

/**
 * Asks the provider whether it is so. Of one that can't be asked, or not by a key that it repeats, its signed word is all there is.
 *
 * @returns `denied` where it says otherwise
 * @throws {WorkflowError} `charge_not_known` where it says nothing yet
 */
async function confirm(
  deps: RefundNewsDeps,
  { provider, refund, gateway }: RefundNews,
  of: {
    orderId: number;
    amountCents: number;
    currency: string;
    chargeRef: string | undefined;
    chargeCents: number | undefined;
  },
): Promise<Confirmed | "denied"> {
  if (gateway?.refundStatus === undefined || refund.key == null) return { reason: null };
  const { orderId, amountCents, currency, chargeRef, chargeCents } = of;
  const order = (await readCharges(deps.db, [orderId])).get(orderId);
  const [answer] = await gateway.refundStatus([{
    orderId,
    reference: order?.externalOrderId ?? refund.reference ?? "",
    amountCents,
    currency,
    idempotencyKey: refund.key,
    ...(chargeRef === undefined ? {} : { chargeRef }),
    ...(chargeCents === undefined ? {} : { chargeCents }),
  }]);
  if (answer!.kind === "refused") return { reason: answer!.reason || null };
  const { ref, key } = refund;
  deps.log.warn("a provider does not confirm that it took a refund back", {
    provider,
    refund: ref,
    key,
    says: answer!.kind,
    ...("error" in answer! ? { error: answer!.error } : {}),
  });
  if (answer!.kind === "refunded") return "denied";
  throw unknownYet(`The provider does not confirm it yet (${answer!.kind})`);
}

/**
 * Writes that a provider took a refund back, and what follows from it. Where the figures can't be reached, the consumers
 * count it within a minute.
 *
 * @param actor who says so, for the timeline
 * @returns undefined where there is no such refund
 * @throws {LeftDatabaseError} where it was committed to a database that does not count any more
 */
export async function takeBack(
  deps: RefundNewsDeps,
  told: TakenBack,
  actor: string,
): Promise<TakenBackRefund | undefined> {
  const taken = await takeBackRefund(deps, told, actor);
  try {
    await followReturns(deps);
  } catch (error) {
    // Then it was written where nobody reads it: whoever told it has to tell it again.
    if (error instanceof LeftDatabaseError) throw error;
    deps.log.warn("refunds that were taken back are counted later", { error: messageOf(error) });
  }
  return taken;
}

function unknownYet(what: string): WorkflowError {
  return new WorkflowError("charge_not_known", `${what}; send it again later`);
}
