/**
 * Taking what providers say of refunds later: the one way for their webhooks, look-ups and reports.
 *
 * @module
 */

import type { Database } from "../db/connection/database.ts";
import { databaseTime } from "../domain/database_time.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import { LeftDatabaseError } from "../domain/operation/left_database.ts";
import type { Log } from "../domain/operation/log.ts";
import { textDigest } from "../domain/order/content_hash.ts";
import { nameOfRefund } from "../domain/reconciliation/provider_line.ts";
import type { Gateway } from "../streams/payments/gateway.ts";
import { countOthersCallback } from "../streams/payments/others_callbacks.ts";
import { followReturns, type FollowReturnsDeps } from "../streams/payments/follow_returns.ts";
import {
  findRefundOf,
  takeBackRefund,
  type TakenBack,
  type TakenBackRefund,
} from "../streams/payments/take_back_refund.ts";
import type { ProviderRefund } from "../streams/payments/provider.ts";
import { recordedKeyOf } from "../streams/reconciliation/line_facts.ts";
import { othersMoney } from "./ask_before_recording.ts";

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
  /** Who can be asked whose charge it is of; left out for nobody. */
  gateway?: Gateway;
}

/**
 * Takes what a provider says of a refund: that it will never reach its customer. Nothing else is news, because the refund's
 * own message asks until it is made. Told twice, or in another sequence, it counts once.
 *
 * @returns `other` where it says nothing that anybody waits for, or is of no refund of ours: nor is one of a charge that the
 * provider says another installation asked for
 * @throws {WorkflowError} `charge_not_known` where it may be of one that is not on record yet, or is still being booked: the
 * provider sends it again
 */
export async function takeRefundNews(
  deps: RefundNewsDeps,
  { provider, refund, happenedAt, gateway }: RefundNews,
): Promise<TakenBackRefund["outcome"] | "other"> {
  if (refund.state !== "refused") return "other";
  const { key, ref, amountCents, reason } = refund;
  const keys = [
    ...(key == null ? [] : [key]),
    ...(ref === null
      ? []
      : [recordedKeyOf(provider, textDigest(`${provider}\n${nameOfRefund(ref)}`))]),
  ];
  const found = await findRefundOf(deps.db, keys);
  if (found === undefined) {
    deps.log.warn("a provider took back a refund that nobody here knows", {
      provider,
      refund: ref,
      key,
    });
    if (key?.startsWith("refund_")) {
      if (await isOfOthers(deps, refund, gateway)) {
        await countOthersCallback(deps, provider);
        return "other";
      }
      throw unknownYet("No refund is known that was asked for under this key");
    }
    return "other";
  }
  const isSame = amountCents == null || amountCents === found.amountCents;
  if (!isSame) {
    deps.log.error("a provider took back another amount than a refund is of", {
      provider,
      refund_id: found.id,
      amount_cents: amountCents,
    });
    return "other";
  }
  const taken = await takeBack(deps, {
    refundId: found.id,
    provider,
    reason: reason || null,
    returnedAt: databaseTime(happenedAt),
  }, `provider:${provider}`);
  if (taken?.outcome === "too_early") throw unknownYet("The refund is still being booked");
  return taken?.outcome ?? "other";
}

/** Whether the provider says that another installation on the same account asked for the charge: it is told of by itself. */
async function isOfOthers(
  { db }: RefundNewsDeps,
  { chargeRefs = [] }: ProviderRefund,
  gateway: Gateway | undefined,
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
