/**
 * Examples for the OpenAPI document: orders and what becomes of them.
 *
 * @module
 */

import type { z } from "zod";
import { WorkflowError } from "../../../domain/errors.ts";
import { problemOf } from "../../middleware/problem.ts";
import type {
  batchAnswer,
  orderAnswer,
  orderDetailAnswer,
  orderListAnswer,
  orderReceiptAnswer,
} from "../description/answers.ts";
import { toldNotification } from "../notifications/notification_examples.ts";
import { processedRefund } from "../refunds/refund_examples.ts";
import type { orderBody } from "./order_body.ts";
import { orderExample } from "./order_fields.ts";

/** An order as somebody may send it. */
export const newOrder = {
  external_order_id: "web-1",
  placed_at: "2026-01-05T10:00:00Z",
  currency: "EUR",
  customer: { external_id: "c-7", email: "ann@example.com", name: "Ann" },
  items: [{ sku: "MUG", name: "Mug", unit_price_cents: 1_250, qty: 2 }],
  adjustments: [{ kind: "tax", label: "VAT 19 %", amount_cents: 399, included: true }],
  total_cents: 2_500,
  language: "en",
} satisfies z.input<typeof orderBody>;

const taken = orderExample satisfies z.input<typeof orderAnswer>;

const paid = {
  ...taken,
  status: "PAID",
  reserved_at: "2026-01-05T10:00:01.131982Z",
  settled_at: "2026-01-05T10:00:03.204417Z",
  updated_at: "2026-01-05T10:00:03.204417Z",
} satisfies z.input<typeof orderAnswer>;

/** What `POST /orders` answers to {@linkcode newOrder}. */
export const takenOrder = taken satisfies z.input<typeof orderReceiptAnswer>;

/** Orders as somebody may send them together. */
export const newOrders = [
  newOrder,
  { ...newOrder, external_order_id: "web-2" },
] satisfies z.input<typeof orderBody>[];

/** What `POST /orders/batch` answers to {@linkcode newOrders}. */
export const takenBatch = [
  { line: 1, status: 202, location: "/orders/42", etag: '"0-9f86d081884c7d65"', order: takenOrder },
  {
    line: 2,
    status: 409,
    problem: problemOf(
      new WorkflowError("order_conflict", 'Order "web-2" is known with another content'),
    ),
  },
] satisfies z.input<typeof batchAnswer>;

/** The answer to the same order again, once it is paid. */
export const knownOrder = paid satisfies z.input<typeof orderReceiptAnswer>;

/** An order whose payment of ten cents too much was accepted. */
export const acceptedOrder = {
  ...paid,
  total_cents: 2_510,
} satisfies z.input<typeof orderReceiptAnswer>;

/** An order whose payment of another amount was given back. */
export const returnedOrder = {
  ...paid,
  status: "FAILED",
  failure_reason: "payment_declined",
} satisfies z.input<typeof orderReceiptAnswer>;

/** An order that ran short. */
export const shortOrder = {
  ...paid,
  status: "FAILED",
  failure_reason: "insufficient_stock",
  reserved_at: null,
} satisfies z.input<typeof orderReceiptAnswer>;

/** {@linkcode newOrder} with another mug. */
export const changedOrder = {
  ...newOrder,
  items: [{ sku: "MUG", name: "Mug", unit_price_cents: 1_250, qty: 3 }],
  adjustments: [{ kind: "tax", label: "VAT 19 %", amount_cents: 599, included: true }],
  total_cents: 3_750,
} satisfies z.input<typeof orderBody>;

/** What `PUT /orders/{id}` answers to {@linkcode changedOrder}. */
export const editedOrder = {
  ...taken,
  status: "RESERVED",
  total_cents: 3_750,
  reserved_at: "2026-01-05T10:00:02.557201Z",
  updated_at: "2026-01-05T10:00:02.557201Z",
} satisfies z.input<typeof orderReceiptAnswer>;

/** An order whose money is to be taken. */
export const capturedOrder = {
  ...taken,
  status: "RESERVED",
  reserved_at: "2026-01-05T10:00:02.557201Z",
  updated_at: "2026-01-05T10:00:02.557201Z",
} satisfies z.input<typeof orderReceiptAnswer>;

/** An order after its cancellation. */
export const cancelledOrder = {
  ...taken,
  status: "CANCELLED",
  settled_at: "2026-01-05T10:00:02.557201Z",
  updated_at: "2026-01-05T10:00:02.557201Z",
} satisfies z.input<typeof orderReceiptAnswer>;

/** A page of orders with more to come. */
export const orderList = {
  data: [paid],
  next_cursor: "b3JkZXJzOjQy",
} satisfies z.input<typeof orderListAnswer>;

/** The order with everything. */
export const orderDetail = {
  ...paid,
  refunded_cents: 1_250,
  language: "en",
  items: [{
    id: 91,
    sku: "MUG",
    name: "Mug",
    unit_price_cents: 1_250,
    qty: 2,
    subtotal_cents: 2_500,
  }],
  items_cents: 2_500,
  adjustments: [{ id: 5, kind: "tax", label: "VAT 19 %", amount_cents: 399, included: true }],
  payment: {
    id: 40,
    provider: "http",
    provider_ref: "ch_17",
    amount_cents: 2_500,
    currency: "EUR",
    status: "SUCCEEDED",
    paid_at: "2026-01-05T10:00:03.204417Z",
  },
  source_payment: null,
  further_payments: [],
  chargebacks: [],
  payment_instructions: {
    method_type: "card",
    method: "pm_1Nx",
    customer: "cus_9s6",
    description: "Order web-1001",
    metadata: { channel: "web" },
    capture: null,
  },
  payment_action: null,
  authorization: null,
  payment_attempts: [{
    kind: "charge",
    outcome: "succeeded",
    provider: "http",
    provider_ref: "ch_17",
    amount_cents: 2_500,
    currency: "EUR",
    refund_id: null,
    says: null,
    times: 1,
    first_at: "2026-01-05T10:00:03.104417Z",
    last_at: "2026-01-05T10:00:03.104417Z",
  }],
  shortages: [],
  backordered: false,
  refunds: [processedRefund],
  notifications: [{
    id: toldNotification.id,
    refund_id: toldNotification.refund_id,
    event: toldNotification.event,
    channel: toldNotification.channel,
    status: toldNotification.status,
    total_cents: toldNotification.total_cents,
    payload: toldNotification.payload,
    success: toldNotification.success,
    error: toldNotification.error,
    state: toldNotification.state,
    sent_at: toldNotification.sent_at,
    created_at: toldNotification.created_at,
  }],
  timeline: [
    { at: taken.created_at, event: "created", actor: "api:shop" },
    { at: paid.reserved_at, event: "reserved", actor: "orders-host-1" },
    { at: paid.settled_at, event: "paid", actor: "payments-host-1", detail: "ch_17" },
  ].map((step) => ({ detail: null, refund_id: null, attempt: 1, ...step })),
} satisfies z.input<typeof orderDetailAnswer>;
