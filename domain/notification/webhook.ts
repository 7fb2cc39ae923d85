/**
 * A notification as the body of a webhook, after Standard Webhooks.
 *
 * @module
 */

import type { Notification } from "./content.ts";

/** The body; the same, byte for byte, for every try. */
export function notificationWebhook(notification: Notification): string {
  return JSON.stringify({
    type: notification.type,
    timestamp: notification.createdAt,
    data: {
      notification_id: notification.id,
      order_id: notification.orderId,
      external_order_id: notification.externalOrderId,
      customer_id: notification.customer.externalId,
      refund_id: notification.refundId,
      status: notification.status,
      failure_reason: notification.failureReason,
      ...(notification.shortages === undefined ? {} : {
        shortages: notification.shortages.map(({ sku, missingQty }) => ({
          sku,
          missing_qty: missingQty,
        })),
      }),
      currency: notification.currency,
      amount_cents: notification.amountCents,
      total_cents: notification.totalCents,
    },
  });
}
