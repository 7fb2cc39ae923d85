/**
 * Recording a refund that a provider has made and of which nothing is on record here.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import type { Database } from "../../db/connection/database.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { readRefundsOf } from "../../db/reconciliation/named_money.ts";
import { insertRefunds, ownKeyStart, refundFactsOf } from "../../db/refunds/refund_rows.ts";
import { markGivenBack } from "../../db/refunds/refunds_by_hand.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { RefundMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import { refundRequestHash } from "../../domain/order/content_hash.ts";
import { decideRefundRequest, refusedRefund } from "../../domain/refund/refund.ts";

/** Money that went back. */
export interface MadeRefund {
  orderId: number;
  amountCents: number;
  currency: string;
  /** Its key at the provider, by which it is recorded once. */
  key: string;
  /**
   * What had gone back of the order when it was found that this one is none of its refunds, where only sums tell that. Left out
   * where its key does.
   */
  refundedCents?: number;
}

/** Why it was asked for, as far as anybody knows. */
const reason = "recorded from the provider's books";

/**
 * Records a refund that its provider has made, in one transaction under the order's lock: within what is left of the
 * payment, and once by its key. It is booked by its message as one that a person gave back: the provider is not asked for
 * it again.
 *
 * @param actor who says so, for the timeline
 * @returns the message to publish once it is committed; the sweep publishes what gets lost. Undefined where another refund of the
 * order is under way or was made meanwhile: then it has to be looked at again
 * @throws {WorkflowError} `not_found`, `order_not_refundable`, `refund_exceeds_left`, or `invalid` for another currency
 */
export function recordRefund(
  db: Database,
  { orderId, amountCents, currency, key, refundedCents }: MadeRefund,
  actor: string,
): Promise<RefundMessage | undefined> {
  return db.transaction(async (tx) => {
    const { orders } = await lockOrders(tx, [orderId]);
    const order = orders.get(orderId);
    if (order === undefined) throw new WorkflowError("not_found", `There is no order ${orderId}`);
    const messageOf = (refundId: number): RefundMessage => ({
      type: "refund.process",
      orderId,
      refundId,
      amountCents,
      currency,
    });
    const [before] = await readRefundsOf(tx, { keys: [key], orderIds: [] });
    if (before !== undefined) return messageOf(before.id);
    if (order.currency !== currency) {
      throw new WorkflowError(
        "invalid",
        `Cannot record a refund in ${currency}: order ${orderId} is in ${order.currency}`,
      );
    }
    const refunds = await refundFactsOf(tx, [orderId], { lock: true });
    const others = refunds.get(orderId) ?? [];
    if (refundedCents !== undefined) {
      const isOpen = others.some(({ status }) => status === "REQUESTED");
      if (isOpen || order.refundedCents !== refundedCents) return undefined;
    }
    const decision = decideRefundRequest(order, others, amountCents);
    if (decision.kind === "refused") throw refusedRefund(order, amountCents, decision);
    await restoreOrders(tx, [orderId]);
    const request = { orderId, amountCents, reason, items: null, owner: "" };
    const [refund] = await insertRefunds(tx, [{
      orderId,
      amountCents,
      reason,
      idempotencyKey: `${ownKeyStart}${key}`,
      keyOwner: "reconciliation",
      requestHash: refundRequestHash(request),
      providerKey: key,
      itemized: false,
    }]);
    await markGivenBack(tx, refund!.id);
    const detail = `${namedAmount(amountCents, currency)}: ${reason}`;
    await addOrderEvents(
      tx,
      [{ orderId, refundId: refund!.id, event: "refund_requested", detail }],
      actor,
    );
    return messageOf(refund!.id);
  });
}
