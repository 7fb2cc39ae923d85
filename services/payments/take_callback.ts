/**
 * Taking the payment provider's answers to charges: the one way for it.
 *
 * @module
 */

import type { ChargeFacts } from "../../db/orders/orders.ts";
import { readOrderOfChargeKey } from "../../db/payments/charge_keys.ts";
import { insertAttempts } from "../../db/payments/payment_attempts.ts";
import { mayOlderRead, readInstallation } from "../../db/payments/installation.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Lane } from "../../domain/messages/lane.ts";
import { encodeMessage } from "../../domain/messages/messages.ts";
import { installationTag, orderOfOldKey } from "../../domain/payment/payment_key.ts";
import { countOthersCallback } from "../../streams/payments/others_callbacks.ts";
import { publish } from "../../streams/workflow/publish.ts";
import type { ServiceDeps } from "../publish_after_commit.ts";

/** Seconds for which a callback's id is remembered: longer than its signature is good for. */
const rememberSeconds = 900;

/** An answer whose signature is good. */
export interface ProviderCallback {
  /** Name of the provider whose word it is. */
  provider: string;
  /** Of the sending; a repetition has the same. */
  id: string;
  outcome: "succeeded" | "declined";
  /** Under which the charge was asked for. */
  idempotencyKey: string;
  /** The shop's id of the order, where the provider repeats it. */
  reference?: string | null;
  /** Which installation asked for the charge, where the provider repeats it. */
  installation?: string | null;
  amountCents: number;
  currency: string;
  /** The provider's name of the charge. */
  providerRef: string;
  /** The provider's words for why. */
  says?: string | null;
  /** Where it came from, for the log. */
  address: string;
}

/**
 * Publishes an answer for the consumers to settle. It is no change of the database, so a crash before the
 * message is in its stream makes the provider send the answer again.
 *
 * A charge that another installation asked for, and no order here has, is certainly none of ours: its key is made of that
 * one's name, so that no order that comes will have it either.
 *
 * @returns `duplicate` for an id that was taken before, `others` for what is about another installation's charge
 * @throws {WorkflowError} `charge_not_known`, or `invalid` where it fits no order
 */
export async function takeCallback(
  deps: Pick<ServiceDeps, "db" | "redis" | "keys" | "log">,
  callback: ProviderCallback,
): Promise<"taken" | "duplicate" | "others"> {
  const { db, redis, keys } = deps;
  const seenKey = `${keys.callback}${seenName(callback)}`;
  if (await redis.exists(seenKey) === 1) return "duplicate";
  const order = await findOrder(deps, callback);
  if (order === "others") {
    await countOthersCallback(deps, callback.provider);
    return "others";
  }
  const { id: orderId, superseded } = order;
  // Processes of the version before would read a key as part of the provider's name, and nobody could give that money
  // back. What was edited has to be told apart all the same.
  const tellsKey = superseded.length > 0 || !await mayOlderRead(db);
  await publish(deps, [{
    message: {
      type: "payment.callback",
      orderId,
      amountCents: callback.amountCents,
      currency: callback.currency,
      outcome: callback.outcome,
      provider: callback.provider,
      ...(tellsKey ? { key: callback.idempotencyKey } : {}),
      providerRef: callback.providerRef,
    },
  }], { lane: await laneOf(deps, order) });
  // Told before it is marked: where that fails, the provider sends it again.
  await insertAttempts(db, [{
    orderId,
    refundId: null,
    provider: callback.provider,
    key: callback.idempotencyKey,
    kind: "callback",
    outcome: callback.outcome,
    amountCents: callback.amountCents,
    currency: callback.currency,
    providerRef: callback.providerRef,
    says: callback.says ?? null,
    ageMs: 0,
  }]);
  // Only now: an answer that was marked and not published would be lost.
  await redis.set(seenKey, "1", "EX", rememberSeconds);
  return "taken";
}

/** Ids are each provider's own. Those of `http` stand alone, as they did before there were others. */
function seenName({ provider, id }: ProviderCallback): string {
  return provider === "http" ? id : `${provider}:${id}`;
}

/** The lane in which the answer is waited for: answers to a file's charges are as many as its orders. */
async function laneOf(
  { redis, keys }: Pick<ServiceDeps, "redis" | "keys">,
  { id: orderId, totalCents: amountCents, currency }: ChargeFacts,
): Promise<Lane> {
  const asksAgain = encodeMessage({ type: "payment.charge", orderId, amountCents, currency });
  const dueAt = await redis.zscore(keys.scheduled("payments", "bulk"), asksAgain);
  return dueAt === null ? "live" : "bulk";
}

async function findOrder(
  { db, log }: Pick<ServiceDeps, "db" | "log">,
  callback: ProviderCallback,
): Promise<ChargeFacts | "others"> {
  const { provider, idempotencyKey, amountCents, currency, address } = callback;
  const order = await readOrderOfChargeKey(db, provider, idempotencyKey, {
    amountCents,
    currency,
  });
  if (order === undefined) {
    const { installation = null } = callback;
    if (installation !== null && installation !== installationTag(await readInstallation(db))) {
      return "others";
    }
    // Under a key of before, somebody may still charge who should not.
    const isOld = orderOfOldKey(idempotencyKey) !== undefined;
    log[isOld ? "error" : "warn"]("callback of an unknown charge", {
      idempotency_key: idempotencyKey,
      reference: callback.reference,
      provider_ref: callback.providerRef,
      address,
    });
    throw new WorkflowError(
      "charge_not_known",
      "No order is known that was charged under this key; send it again later",
    );
  }
  const reference = callback.reference ?? order.externalOrderId;
  // Money of another currency is the order's all the same, if the charge is: it will be disputed.
  if (order.externalOrderId !== reference) {
    log.error("callback fits no order", {
      order_id: order.id,
      provider_ref: callback.providerRef,
      address,
    });
    throw new WorkflowError("invalid", "The callback fits no order that was to be charged");
  }
  return order;
}
