/**
 * A notification as the body of a webhook, after Standard Webhooks.
 *
 * @module
 */

import type { Notice } from "./notice.ts";

/** The body; the same, byte for byte, for every try. */
export function noticeWebhook(notice: Notice): string {
  return JSON.stringify({
    type: notice.type,
    timestamp: notice.createdAt,
    data: {
      notification_id: notice.id,
      order_id: notice.orderId,
      external_order_id: notice.externalOrderId,
      customer_id: notice.customer.externalId,
      refund_id: notice.refundId,
      status: notice.status,
      failure_reason: notice.failureReason,
      currency: notice.currency,
      amount_cents: notice.amountCents,
      total_cents: notice.totalCents,
    },
  });
}
