import assert from "node:assert/strict";
import { notificationWebhook } from "../../../domain/notification/webhook.ts";

Deno.test("notificationWebhook() adds items, adjustments and the payment's status to what it had", () => {
  const body = notificationWebhook({
    id: 17,
    type: "order.paid",
    orderId: 42,
    externalOrderId: "web-1",
    refundId: null,
    customer: { externalId: null, email: "ann@example.com", name: "Ann" },
    status: "PAID",
    failureReason: null,
    currency: "KWD",
    amountCents: 2_510,
    totalCents: 2_510,
    paymentStatus: "paid",
    lines: {
      items: [{
        id: 7,
        sku: "MUG",
        name: "Mug",
        unitPriceCents: 1_000,
        qty: 2,
        subtotalCents: 2_000,
      }],
      itemCount: 10_000,
      itemsCents: 2_000,
      adjustments: [{ id: 5, kind: "shipping", label: null, amountCents: 510, included: false }],
      adjustmentCount: 1,
      adjustmentsCents: 510,
    },
    createdAt: "2026-01-05T10:00:03.123456Z",
  });
  assert.deepEqual(JSON.parse(body), {
    type: "order.paid",
    timestamp: "2026-01-05T10:00:03.123456Z",
    data: {
      notification_id: 17,
      order_id: 42,
      external_order_id: "web-1",
      customer_id: null,
      refund_id: null,
      status: "PAID",
      failure_reason: null,
      currency: "KWD",
      amount_cents: 2_510,
      total_cents: 2_510,
      payment_status: "paid",
      items_cents: 2_000,
      item_count: 10_000,
      items: [
        {
          id: 7,
          sku: "MUG",
          name: "Mug",
          unit_price_cents: 1_000,
          qty: 2,
          subtotal_cents: 2_000,
        },
      ],
      adjustment_count: 1,
      adjustments: [
        { id: 5, kind: "shipping", label: null, amount_cents: 510, included: false },
      ],
    },
  });
});
