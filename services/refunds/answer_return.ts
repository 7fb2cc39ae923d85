/**
 * What a person says about the money of a refund that its provider took back.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { readChargedBack } from "../../db/payments/chargebacks.ts";
import { insertRefunds, ownKeyStart, refundFactsOf } from "../../db/refunds/refund_rows.ts";
import { markGivenBack } from "../../db/refunds/refunds_by_hand.ts";
import { type AnsweredReturn, answerReturn } from "../../db/refunds/returned_refunds.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { RefundMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import { refundRequestHash } from "../../domain/order/content_hash.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import type { HandVerdict } from "../../domain/refund/by_hand.ts";
import { decideRefundRequest, refusedRefund } from "../../domain/refund/refund.ts";

/** What is said, and of what. */
export interface SaidOfReturn {
  /** It must be locked, with its refunds. */
  order: OrderFacts;
  returned: AnsweredReturn;
  /** `given_back`: a person has paid it by other ways; `refused`: it is not paid again. */
  verdict: HandVerdict;
  note: string | null;
}

/**
 * Writes down what became of the money of a refund that was taken back: that a person paid it again, which is another refund
 * that its message books without asking a provider, or that nobody does. The same said again changes nothing. Paid again by its
 * provider it is by any refund of the order that is asked for as usual, under a key of its own.
 *
 * @param actor who says so, for the timeline
 * @returns the message to publish once it is committed
 * @throws {WorkflowError} `refund_not_by_hand` where something else was said before, or as a refund is refused
 */
export async function answerReturned(
  tx: Queryable,
  { order, returned, verdict, note }: SaidOfReturn,
  actor: string,
): Promise<{ orderId: number; changed: boolean; message: RefundMessage }> {
  const { refundId, amountCents, currency, answer, againId } = returned;
  const orderId = order.id;
  const messageOf = (id: number): RefundMessage => ({
    type: "refund.process",
    orderId,
    refundId: id,
    amountCents,
    currency,
  });
  const wanted = verdict === "given_back" ? "paid_again" : "left";
  if (answer !== null) {
    if (answer === wanted) {
      return { orderId, changed: false, message: messageOf(againId ?? refundId) };
    }
    const because = answer === "left"
      ? "nobody pays it again"
      : `refund ${againId} has paid it again`;
    throw new WorkflowError(
      "refund_not_by_hand",
      `Cannot decide about refund ${refundId}, which its provider took back: ${because}`,
    );
  }
  const again = verdict === "given_back" ? await payAgain(tx, order, returned) : null;
  await answerReturn(tx, refundId, again);
  const detail = `${namedAmount(amountCents, currency)}${note === null ? "" : `: ${note}`}`;
  await addOrderEvents(
    tx,
    again === null
      ? [{ orderId, refundId, event: "refund_refused", detail }]
      : [{ orderId, refundId: again, event: "refund_completed", detail }],
    actor,
  );
  return { orderId, changed: true, message: messageOf(again ?? refundId) };
}

/** @returns the refund by which a person has paid it again */
async function payAgain(
  tx: Queryable,
  order: OrderFacts,
  { refundId, amountCents }: AnsweredReturn,
): Promise<number> {
  const orderId = order.id;
  const refunds = (await refundFactsOf(tx, [orderId], { lock: true })).get(orderId) ?? [];
  const chargedBack = (await readChargedBack(tx, [orderId])).get(orderId);
  const owed = chargedBack === undefined ? order : { ...order, chargedBack };
  const decision = decideRefundRequest(owed, refunds, amountCents);
  if (decision.kind === "refused") throw refusedRefund(order, amountCents, decision);
  await restoreOrders(tx, [orderId]);
  const reason = `paid again: refund ${refundId} came back`;
  const [refund] = await insertRefunds(tx, [{
    orderId,
    amountCents,
    reason,
    idempotencyKey: `${ownKeyStart}again_${refundId}`,
    keyOwner: "",
    requestHash: refundRequestHash({ orderId, amountCents, reason, items: null, owner: "" }),
    providerKey: null,
    itemized: false,
  }]);
  await markGivenBack(tx, refund!.id);
  return refund!.id;
}
