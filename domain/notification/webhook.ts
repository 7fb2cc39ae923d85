/**
 * A notification as the body of a webhook, after Standard Webhooks.
 *
 * @module
 */

import type { Notification, RefundLines } from "./content.ts";
import type { NotificationWebhook } from "./webhook_body.ts";

/**
 * The body; the same, byte for byte, for every try, unless a product was renamed in between. Of an order with very many
 * items it has the first, and how many there are.
 */
export function notificationWebhook(notification: Notification): string {
  const { lines } = notification;
  const body: NotificationWebhook = {
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
      payment_status: notification.paymentStatus,
      items_cents: lines.itemsCents,
      item_count: lines.itemCount,
      items: lines.items.map((item) => ({
        id: item.id,
        sku: item.sku,
        name: item.name,
        unit_price_cents: item.unitPriceCents,
        qty: item.qty,
        subtotal_cents: item.subtotalCents,
      })),
      adjustment_count: lines.adjustmentCount,
      adjustments: lines.adjustments.map((adjustment) => ({
        id: adjustment.id,
        kind: adjustment.kind,
        label: adjustment.label,
        amount_cents: adjustment.amountCents,
        included: adjustment.included,
      })),
      ...(notification.refund === undefined ? {} : refundOf(notification.refund)),
    },
  };
  return JSON.stringify(body);
}

function refundOf({ lines, lineCount, adjustments }: RefundLines) {
  return {
    refund_line_count: lineCount,
    refund_lines: lines.map((line) => ({
      item_id: line.itemId,
      sku: line.sku,
      name: line.name,
      qty: line.qty,
      amount_cents: line.amountCents,
      restocked: line.restocked,
    })),
    refund_adjustments: adjustments.map(({ kind, amountCents }) => ({
      kind,
      amount_cents: amountCents,
    })),
  };
}
