/**
 * Orders and refunds as the API shows them.
 *
 * @module
 */

import { isAllowed, type Scope } from "../../../domain/operation/api_token.ts";
import { toIsoTime } from "../../../db/connection/database.ts";
import type { OrderDetail, OrderPayment, OrderSummary } from "../../../db/orders/order_queries.ts";
import { orderJson } from "./order_fields.ts";
import { chargebackJson } from "../payments/chargeback_json.ts";
import type { ListedRefund } from "../../../db/refunds/refund_list.ts";
import type { RefundContents, RefundDetail } from "../../../db/refunds/refund_contents.ts";

/**
 * An order for whoever has brought or changed it: without `read`, nothing of its customer but the ids.
 *
 * @param held the scopes of whoever gets it
 */
export function orderReceiptJson(order: OrderSummary, held: readonly Scope[]) {
  const shown = orderJson(order);
  if (isAllowed(held, ["read"])) return shown;
  const { recipient_name: _name, recipient_email: _email, customer, ...rest } = shown;
  const { id, external_id } = customer;
  return { ...rest, customer: { id, external_id } };
}

/** An order with everything. */
export function orderDetailJson(order: OrderDetail) {
  const { payment, sourcePayment } = order;
  return {
    ...orderJson(order),
    language: order.language,
    items: order.items.map((item) => ({
      id: item.id,
      sku: item.sku,
      name: item.name,
      unit_price_cents: item.unitPriceCents,
      qty: item.qty,
      subtotal_cents: item.subtotalCents,
    })),
    items_cents: order.itemsCents,
    adjustments: order.adjustments.map((adjustment) => ({
      id: adjustment.id,
      kind: adjustment.kind,
      label: adjustment.label,
      amount_cents: adjustment.amountCents,
      included: adjustment.included,
    })),
    payment: payment === null ? null : paymentJson(payment),
    source_payment: sourcePayment === null ? null : {
      provider: sourcePayment.provider,
      reference: sourcePayment.reference,
      paid_at: sourcePayment.paidAt,
    },
    further_payments: order.furtherPayments.map(paymentJson),
    chargebacks: order.chargebacks.map(chargebackJson),
    ...chargingJson(order),
    shortages: order.shortages.map(({ sku, missingQty }) => ({ sku, missing_qty: missingQty })),
    backordered: order.shortages.some(({ isWaiting }) => isWaiting),
    refunds: order.refunds.map((refund) => refundJson(refund, order.currency)),
    notifications: order.notifications.map((notification) => ({
      id: notification.id,
      refund_id: notification.refundId,
      event: notification.event,
      channel: notification.channel,
      status: notification.status,
      total_cents: notification.totalCents,
      payload: notification.payload,
      success: notification.success,
      error: notification.error,
      state: notification.state,
      sent_at: notification.sentAt,
      created_at: notification.createdAt,
    })),
    timeline: order.timeline.map((step) => ({
      at: step.at,
      event: step.event,
      detail: step.detail,
      refund_id: step.refundId,
      actor: step.actor,
      attempt: step.attempt,
    })),
  };
}

/** What an order is to be paid with, and what came of it so far. */
function chargingJson({ instructions, action, hold, attempts }: OrderDetail) {
  return {
    payment_instructions: instructions === null ? null : {
      method_type: instructions.methodType,
      method: instructions.method,
      customer: instructions.customer,
      description: instructions.description,
      metadata: instructions.metadata,
      capture: instructions.capture ?? null,
    },
    payment_action: action === null ? null : { url: action.url, expires_at: action.expiresAt },
    authorization: hold === null ? null : {
      status: hold.status,
      provider: hold.provider,
      provider_ref: hold.providerRef,
      amount_cents: hold.amountCents,
      currency: hold.currency,
      expires_at: hold.expiresAt,
      capture_requested_at: hold.captureRequestedAt,
    },
    payment_attempts: attempts.map((attempt) => ({
      kind: attempt.kind,
      outcome: attempt.outcome,
      provider: attempt.provider,
      provider_ref: attempt.providerRef,
      amount_cents: attempt.amountCents,
      currency: attempt.currency,
      refund_id: attempt.refundId,
      says: attempt.says,
      times: attempt.times,
      first_at: attempt.firstAt,
      last_at: attempt.lastAt,
    })),
  };
}

function paymentJson(payment: OrderPayment) {
  return {
    id: payment.id,
    provider: payment.provider,
    provider_ref: payment.providerRef,
    amount_cents: payment.amountCents,
    currency: payment.currency,
    status: payment.status,
    paid_at: payment.paidAt,
  };
}

/** What a refund is for. */
export function refundPartsJson({ lines, adjustments }: RefundContents) {
  return {
    lines: lines.map((line) => ({
      item_id: line.itemId,
      sku: line.sku,
      qty: line.qty,
      amount_cents: line.amountCents,
      restock: line.restock,
      restocked: line.restocked,
    })),
    adjustments: adjustments.map((adjustment) => ({
      kind: adjustment.kind,
      amount_cents: adjustment.amountCents,
    })),
  };
}

/** A refund. */
export function refundJson(refund: RefundDetail, currency: string) {
  return {
    id: refund.id,
    order_id: refund.orderId,
    amount_cents: refund.amountCents,
    currency,
    reason: refund.reason,
    status: refund.status,
    failure_reason: refund.failureReason,
    by_hand: refund.byHand,
    idempotency_key: refund.idempotencyKey,
    processed_at: toIsoTime(refund.processedAt),
    created_at: toIsoTime(refund.createdAt),
    ...refundPartsJson(refund),
  };
}

/** A refund of a list of all; its times are ISO 8601 already. */
export function listedRefundJson(refund: ListedRefund) {
  return {
    id: refund.id,
    order_id: refund.orderId,
    amount_cents: refund.amountCents,
    currency: refund.currency,
    reason: refund.reason,
    status: refund.status,
    failure_reason: refund.failureReason,
    by_hand: refund.byHand,
    idempotency_key: refund.idempotencyKey,
    processed_at: refund.processedAt,
    created_at: refund.createdAt,
  };
}
