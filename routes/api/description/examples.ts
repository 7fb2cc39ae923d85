/**
 * Examples for the OpenAPI document: one small order and what becomes of it.
 *
 * @module
 */

import type { erasedAnswer, exportAnswer } from "../customers/customer_answers.ts";
import type { z } from "zod";
import { rejectColumns } from "../../../domain/import/csv_columns.ts";
import { importColumns } from "../../../domain/import/csv_rows.ts";
import { csvLine } from "../../../domain/import/csv_text.ts";
import { type ErrorCode, type Fault, WorkflowError } from "../../../domain/errors.ts";
import type {
  aliveAnswer,
  batchAnswer,
  chargebackAnswer,
  chargebackListAnswer,
  importAnswer,
  importListAnswer,
  leaderboardAnswer,
  orderAnswer,
  orderDetailAnswer,
  orderListAnswer,
  orderReceiptAnswer,
  pausedAnswer,
  readyAnswer,
  refundAnswer,
  refundListAnswer,
  streamsAnswer,
  takenAnswer,
} from "./answers.ts";
import type { deadLetterAnswer, deadLetterListAnswer } from "../streams/dead_letter_answers.ts";
import type {
  auditListAnswer,
  verificationAnswer,
  verifiedAnswer,
} from "../operation/operation_answers.ts";
import type { ledgerBalanceAnswer, ledgerListAnswer } from "../ledger/ledger_answers.ts";
import type {
  deliveryAnswer,
  deliveryListAnswer,
  endpointAnswer,
  endpointDetailAnswer,
  endpointListAnswer,
  retriedAnswer,
  secretAnswer,
  testAnswer,
} from "../webhooks/endpoint_answers.ts";
import type { endpointBody, endpointChange } from "../webhooks/endpoint_body.ts";
import type { eventAnswer, eventListAnswer } from "../events/event_answers.ts";
import type { callbackBody } from "../payments/callback_body.ts";
import type {
  channelAnswer,
  channelsAnswer,
  notificationAnswer,
  notificationDetailAnswer,
  notificationListAnswer,
} from "../notifications/notification_answers.ts";
import type {
  movementListAnswer,
  productAnswer,
  productListAnswer,
  stockFileAnswer,
} from "../products/product_answers.ts";
import type { productBody, stockBody } from "../products/product_body.ts";
import { orderExample } from "../orders/order_fields.ts";
import type { orderBody } from "../orders/order_body.ts";
import { httpProblemOf, type Problem, problemOf } from "../../middleware/problem.ts";
import type { refundBody } from "../refunds/refund_body.ts";
import type { completedBody, refusedBody, returnedBody } from "../refunds/by_hand_body.ts";

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

/** Events of an order, and of a product that got units. */
export const events = {
  paid: {
    id: "evt_o1705-order-paid",
    type: "order.paid",
    timestamp: "2026-01-05T10:00:03.120000Z",
    sequence: 1_705,
    data: {
      order_id: 42,
      external_order_id: "web-1",
      customer_id: "C-1",
      refund_id: null,
      failure_reason: null,
      currency: "EUR",
      amount_cents: 2_500,
      total_cents: 2_500,
    },
  },
  received: {
    id: "evt_s12-stock-received",
    type: "stock.received",
    timestamp: "2026-01-05T11:00:00.000000Z",
    sequence: 12,
    data: {
      order_id: null,
      refund_id: null,
      item_count: 1,
      items: [{ sku: "MUG", qty: 20, stock_qty: 48 }],
    },
  },
} satisfies Record<string, z.input<typeof eventAnswer>>;

/** A page of the feed. */
export const eventList = {
  data: [events.paid, events.received],
  next_cursor: "ZXZlbnRzOjE3MDUuMTIuMA",
} satisfies z.input<typeof eventListAnswer>;

/** An endpoint as somebody may add it. */
export const newEndpoint = {
  url: "https://shop.example/hooks/orders",
  description: "Warehouse",
  types: ["order.reserved", "order.cancelled", "stock.*"],
} satisfies z.input<typeof endpointBody>;

/** What may be changed about it. */
export const changedEndpoint = {
  types: ["order.*", "refund.processed"],
  enabled: true,
} satisfies z.input<typeof endpointChange>;

/** An endpoint. */
export const webhookEndpoint = {
  id: 3,
  ...newEndpoint,
  enabled: true,
  disabled_reason: null,
  previous_secret_until: null,
  created_at: "2026-01-05T10:00:00.000000Z",
  updated_at: "2026-01-05T10:00:00.000000Z",
} satisfies z.input<typeof endpointAnswer>;

/** The same with its secret, the only time that it is shown. */
export const addedEndpoint = {
  ...webhookEndpoint,
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
} satisfies z.input<typeof secretAnswer>;

/** After the secret was replaced. */
export const rotatedEndpoint = {
  ...addedEndpoint,
  previous_secret_until: "2026-01-06T10:00:00.000000Z",
} satisfies z.input<typeof secretAnswer>;

/** With what waits. */
export const endpointDetail = {
  ...webhookEndpoint,
  waiting: 0,
  given_up: 2,
} satisfies z.input<typeof endpointDetailAnswer>;

/** All endpoints. */
export const endpointList = {
  data: [webhookEndpoint],
  next_cursor: null,
} satisfies z.input<typeof endpointListAnswer>;

/** What became of an event. */
const delivery = {
  id: 901,
  event_id: "evt_o1705-order-paid",
  status: "WAITING",
  attempts: 1,
  attempted_at: "2026-01-05T10:00:06.000000Z",
  duration_ms: 84,
  status_code: 503,
  error: "the endpoint answered 503",
  next_try_at: "2026-01-05T10:00:11.000000Z",
  created_at: "2026-01-05T10:00:05.900000Z",
} satisfies z.input<typeof deliveryAnswer>;

/** What was posted lately. */
export const deliveryList = {
  data: [delivery],
  next_cursor: null,
} satisfies z.input<typeof deliveryListAnswer>;

/** A test on its way. */
export const sentTest = { event_id: "evt_test-5f1c0e0d5b7a4c21" } satisfies z.input<
  typeof testAnswer
>;

/** What is posted again. */
export const retriedDeliveries = { retried: 2 } satisfies z.input<typeof retriedAnswer>;

/** A refund of a part of an order as somebody may ask for it. */
export const newRefund = {
  lines: [{ sku: "MUG", qty: 1, restock: true }],
  reason: "one mug too many",
} satisfies z.input<typeof refundBody>;

/** The refund as it is requested. */
export const requestedRefund = {
  id: 17,
  order_id: 42,
  amount_cents: 1_250,
  currency: "EUR",
  reason: "one mug too many",
  status: "REQUESTED",
  failure_reason: null,
  by_hand: false,
  idempotency_key: "return-17",
  processed_at: null,
  created_at: "2026-01-06T09:30:00.004512Z",
  lines: [{
    item_id: 91,
    sku: "MUG",
    qty: 1,
    amount_cents: 1_250,
    restock: true,
    restocked: false,
  }],
  adjustments: [],
} satisfies z.input<typeof refundAnswer>;

/** The refund as the customer has it. */
export const processedRefund = {
  ...requestedRefund,
  status: "PROCESSED",
  processed_at: "2026-01-06T09:30:00.871204Z",
  lines: requestedRefund.lines.map((line) => ({ ...line, restocked: true })),
} satisfies z.input<typeof refundAnswer>;

/** A refund that a person gives back. */
export const waitingRefund = {
  ...requestedRefund,
  by_hand: true,
} satisfies z.input<typeof refundAnswer>;

/** What a person says who gave one back. */
export const givenBackByHand = { reference: "transfer 4711" } satisfies z.input<
  typeof completedBody
>;

/** What a person says who refuses one. */
export const refusedByHand = { reason: "was given back at the counter" } satisfies z.input<
  typeof refusedBody
>;

/** What a person says who gave back what was paid at the source. */
export const returnedByHand = { reference: "transfer 4712" } satisfies z.input<
  typeof returnedBody
>;

/** A chargeback whose money is withheld. */
export const heldChargeback = {
  id: 3,
  provider: "stripe",
  provider_ref: "du_1N5",
  charge_ref: "pi_3N4",
  order_id: 17,
  external_order_id: "web-1001",
  payment_id: 17,
  state: "needs_response",
  amount_cents: 2_500,
  currency: "EUR",
  held_cents: 2_500,
  lost_cents: 0,
  reason: "fraudulent",
  due_by: "2026-01-22T23:59:59.000000Z",
  opened_at: "2026-01-12T08:14:00.000000Z",
  told_at: "2026-01-12T08:14:01.000000Z",
  lowers_revenue: "opened",
  seen_at: null,
  seen_by: null,
} satisfies z.input<typeof chargebackAnswer>;

/** The same, lost, once somebody knows of it. */
export const seenChargeback = {
  ...heldChargeback,
  state: "lost",
  held_cents: 0,
  lost_cents: 2_500,
  due_by: null,
  told_at: "2026-02-20T10:00:00.000000Z",
  seen_at: "2026-02-20T12:31:07.512004Z",
  seen_by: "api:books",
} satisfies z.input<typeof chargebackAnswer>;

/** A page of chargebacks. */
export const chargebackList = {
  data: [heldChargeback],
  next_cursor: null,
} satisfies z.input<typeof chargebackListAnswer>;

/** A page of refunds, which is the last. */
export const refundList = {
  data: [processedRefund],
  next_cursor: null,
} satisfies z.input<typeof refundListAnswer>;

const told = {
  id: 9,
  order_id: 42,
  refund_id: null,
  event: "order.paid",
  channel: "webhook",
  status: "PAID",
  total_cents: 2_500,
  payload: { order_id: 42, external_order_id: "web-1", total_cents: 2_500, currency: "EUR" },
  success: true,
  error: null,
  state: "sent",
  next_try_at: null,
  sent_at: "2026-01-05T10:00:04.310002Z",
  created_at: "2026-01-05T10:00:03.298113Z",
} satisfies z.input<typeof notificationAnswer>;

/** A notification with its one try. */
export const notificationDetail = {
  ...told,
  attempts: [{
    at: "2026-01-05T10:00:04.310002Z",
    duration_ms: 41,
    success: true,
    status_code: 204,
    reply: null,
    error: null,
  }],
} satisfies z.input<typeof notificationDetailAnswer>;

/** A page of notifications, which is the last. */
export const notificationList = {
  data: [told],
  next_cursor: null,
} satisfies z.input<typeof notificationListAnswer>;

/** A notification that is to be sent again. */
export const replayedNotification = {
  ...told,
  success: false,
  state: "waiting",
  next_try_at: "2026-01-05T11:15:00.000000Z",
  sent_at: null,
} satisfies z.input<typeof notificationAnswer>;

/** A channel that works. */
export const channel = {
  channel: "webhook",
  configured: true,
  waiting: 0,
  given_up: 0,
  oldest_due_at: null,
  disabled_at: null,
  disabled_reason: null,
} satisfies z.input<typeof channelAnswer>;

/** All channels. */
export const channels = {
  channels: [
    { ...channel, channel: "log" },
    { ...channel, channel: "email", configured: false },
    {
      ...channel,
      waiting: 3,
      oldest_due_at: "2026-01-05T11:15:00.000000Z",
      disabled_at: "2026-01-05T11:14:30.118200Z",
      disabled_reason: "the endpoint answered 410",
    },
  ],
} satisfies z.input<typeof channelsAnswer>;

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
    id: told.id,
    refund_id: told.refund_id,
    event: told.event,
    channel: told.channel,
    status: told.status,
    total_cents: told.total_cents,
    payload: told.payload,
    success: told.success,
    error: told.error,
    state: told.state,
    sent_at: told.sent_at,
    created_at: told.created_at,
  }],
  timeline: [
    { at: taken.created_at, event: "created", actor: "api:shop" },
    { at: paid.reserved_at, event: "reserved", actor: "orders-host-1" },
    { at: paid.settled_at, event: "paid", actor: "payments-host-1", detail: "ch_17" },
  ].map((step) => ({ detail: null, refund_id: null, attempt: 1, ...step })),
} satisfies z.input<typeof orderDetailAnswer>;

/** A product as somebody may add it. */
export const newProduct = {
  sku: "BOWL",
  name: "Bowl",
  price_cents: 1_250,
  stock_qty: 40,
} satisfies z.input<typeof productBody>;

/** The product as it is then. */
export const product = {
  id: 3,
  sku: "BOWL",
  name: "Bowl",
  price_cents: 1_250,
  stock_qty: 40,
  held_qty: 0,
  received_qty: 40,
} satisfies z.input<typeof productAnswer>;

/** Units that came in. */
export const stockChange = {
  add: 12,
  detail: "delivery 2026-17",
} satisfies z.input<typeof stockBody>;

/** The product with them, and with an order that holds two. */
export const changedProduct = {
  ...product,
  stock_qty: 50,
  held_qty: 2,
  received_qty: 52,
} satisfies z.input<typeof productAnswer>;

/** A page of products, which is the last. */
export const productList = {
  data: [{ ...changedProduct, short: false }],
  next_cursor: null,
} satisfies z.input<typeof productListAnswer>;

/** A page of a product's timeline, which is the last. */
export const movementList = {
  data: [
    {
      at: "2026-01-06T08:00:00.000000Z",
      kind: "received" as const,
      qty: 12,
      stock_qty: 50,
      order_id: null,
      actor: "api:warehouse",
      detail: "delivery 2026-17",
    },
    {
      at: paid.reserved_at,
      kind: "reserved" as const,
      qty: -2,
      stock_qty: null,
      order_id: 42,
      actor: "orders-host-1",
      detail: null,
    },
    {
      at: "2026-01-05T09:00:00.000000Z",
      kind: "received" as const,
      qty: 40,
      stock_qty: 40,
      order_id: null,
      actor: "api:warehouse",
      detail: "first stock",
    },
  ].map((step) => ({ refund_id: null, ...step })),
  next_cursor: null,
} satisfies z.input<typeof movementListAnswer>;

/** What came of a file of stock. */
export const appliedStockFile = {
  rows: 3,
  rows_changed: 2,
  rows_unchanged: 0,
  rows_rejected: 1,
  products_created: 0,
  units_received: 30,
  units_corrected: 0,
  rejects: [{
    line: 4,
    reason:
      "sku: there is no such product: correct it, or let the file create products with --create " +
      '(create=true over HTTP) ("MGU")',
  }],
} satisfies z.input<typeof stockFileAnswer>;

const noCounts = {
  rows: 0,
  rows_rejected: 0,
  orders: 0,
  orders_new: 0,
  orders_updated: 0,
  orders_unchanged: 0,
  orders_rejected: 0,
  orders_conflict: 0,
  orders_skipped: 0,
  published: 0,
};

/** An import that has just begun. */
export const runningImport = {
  id: 7,
  source: "march.csv",
  dry_run: false,
  profile: null,
  plan: null,
  actor: "api:shop",
  status: "RUNNING",
  cancel_requested: false,
  cancelled_by: null,
  error: null,
  reasons: [],
  ...noCounts,
  money: null,
  created_at: "2026-03-31T08:00:00.401277Z",
  finished_at: null,
} satisfies z.input<typeof importAnswer>;

/** The import when it is over. */
export const doneImport = {
  ...runningImport,
  status: "DONE",
  reasons: [
    {
      reason: "qty: must be an integer 1…1000000",
      rows: 3,
      line: 17,
      example: 'qty: must be an integer 1…1000000, not "0"',
    },
    {
      reason: "the order is known with other content and is already PAID",
      rows: 1,
      line: 803,
      example: "the order is known with other content and is already PAID",
    },
  ],
  rows: 3_012,
  rows_rejected: 4,
  orders: 1_000,
  orders_new: 996,
  orders_unchanged: 1,
  orders_rejected: 2,
  orders_conflict: 1,
  published: 996,
  finished_at: "2026-03-31T08:00:00.622934Z",
} satisfies z.input<typeof importAnswer>;

/** The import when somebody wants it to end. */
export const endingImport = {
  ...runningImport,
  cancel_requested: true,
  cancelled_by: "api:shop",
  rows: 1_500,
  orders: 498,
  orders_new: 498,
  published: 498,
} satisfies z.input<typeof importAnswer>;

/** A page of imports, which is the last. */
export const importList = {
  data: [doneImport],
  next_cursor: null,
} satisfies z.input<typeof importListAnswer>;

/** The best customer. */
export const leaderboard = {
  currency: "EUR",
  leaderboard: [{
    rank: 1,
    customer_id: 7,
    external_id: "c-7",
    name: "Ann",
    revenue_cents: 152_000,
  }],
} satisfies z.input<typeof leaderboardAnswer>;

/** One of the groups. */
export const streams = {
  backordered: [],
  streams: [{
    group: "payments",
    length: 1_930,
    lag: 1_430,
    pending: 500,
    scheduled: 12,
    oldest_age_ms: 840,
    oldest_unfinished_at: "2026-01-05T10:00:01.131982Z",
    consumers: 1,
    retries: 0,
    dead: 0,
    processed: 98_211,
    paused: null,
    money: [{ currency: "EUR", amount_cents: 4_861_200 }],
    lanes: {
      live: {
        length: 3,
        lag: 0,
        pending: 3,
        scheduled: 0,
        oldest_age_ms: 12,
        oldest_unfinished_at: "2026-01-05T10:00:01.959982Z",
        retries: 0,
        money: [{ currency: "EUR", amount_cents: 8_550 }],
      },
      bulk: {
        length: 1_927,
        lag: 1_430,
        pending: 497,
        scheduled: 12,
        oldest_age_ms: 840,
        oldest_unfinished_at: "2026-01-05T10:00:01.131982Z",
        retries: 0,
        money: [{ currency: "EUR", amount_cents: 4_852_650 }],
      },
    },
  }],
  by_hand: { count: 1, money: [{ currency: "EUR", amount_cents: 2_350 }] },
  warnings: [],
} satisfies z.input<typeof streamsAnswer>;

/** Who paused a group. */
export const pausedGroup = {
  group: "payments",
  paused: {
    actor: "api:ops",
    at: "2026-01-05T10:00:01.131Z",
    reason: "The provider moves to another data centre",
  },
} satisfies z.input<typeof pausedAnswer>;

/** Why a group is to be paused. */
export const pauseReason = { reason: "The provider moves to another data centre" };

const deadLetter = {
  id: 7,
  group: "payments",
  message_id: "1767607201131-0",
  order_id: 42,
  refund_id: null,
  amount_cents: 2_500,
  currency: "EUR",
  error: "the provider gave no answer: it answered 502",
  cause: {
    name: "no_answer",
    title: "The provider gave no answer",
    says: "The provider could not be reached, or gave no answer in time, as often as is allowed.",
    check: "Whether the provider answers again; the same key is used, so nothing is charged twice.",
    action: "retry",
    can_succeed: true,
  },
  attempts: 5,
  payload: '["message","payment.charge 42 2500 EUR"]',
  first_seen_at: "2026-01-05T10:00:01.131000Z",
  died_at: "2026-01-05T10:02:36.418201Z",
} as const;

/** A page of dead letters. */
export const deadLetterList = {
  data: [deadLetter],
  next_cursor: null,
} satisfies z.input<typeof deadLetterListAnswer>;

/** One that waits. */
export const deadLetterExample = {
  ...deadLetter,
  status: "DEAD",
  resolved_by: null,
  resolved_at: null,
} satisfies z.input<typeof deadLetterAnswer>;

/** One that was retried. */
export const retriedLetter = {
  ...deadLetter,
  status: "RETRIED",
  resolved_by: "api:ops",
  resolved_at: "2026-01-05T10:12:00.000000Z",
} satisfies z.input<typeof deadLetterAnswer>;

/** Everything that is kept of a person. */
export const exportedPerson = {
  customers: [{
    id: 7,
    external_id: "c-7",
    guest: false,
    email: "ann@example.com",
    name: "Ann",
    first_email: "ann@example.com",
    first_name: "Ann",
    created_at: "2026-01-05T10:00:00.000000Z",
  }],
  erased_at: null,
  orders: [],
  rejected_rows: [],
} satisfies z.input<typeof exportAnswer>;

/** A person who was erased. */
export const erasedPerson = {
  customer_id: 7,
  changed: true,
  orders: 3,
  erased_at: "2026-01-05T10:12:00.000000Z",
  same_email_customer_ids: [],
} satisfies z.input<typeof erasedAnswer>;

/** A page of the audit log. */
export const auditList = {
  data: [{
    id: 912,
    at: "2026-01-05T10:12:00.000000Z",
    actor: "api:ops",
    via: "session",
    address: "203.0.113.7",
    action: "order.cancel",
    subject: { kind: "order", id: "42" },
    outcome: "done",
    detail: null,
  }],
  next_cursor: null,
} satisfies z.input<typeof auditListAnswer>;

/** A page of the ledger. */
export const ledgerList = {
  data: [{
    order_id: 42,
    source: "payment",
    source_id: 0,
    step: 1,
    account: "clearing",
    amount_cents: 1_250,
    currency: "EUR",
    day: "2026-01-05",
    booked_at: "2026-01-05T10:12:00.000000Z",
  }, {
    order_id: 42,
    source: "payment",
    source_id: 0,
    step: 1,
    account: "sales",
    amount_cents: -1_250,
    currency: "EUR",
    day: "2026-01-05",
    booked_at: "2026-01-05T10:12:00.000000Z",
  }],
  next_cursor: null,
} satisfies z.input<typeof ledgerListAnswer>;

/** The trial balance. */
export const ledgerBalance = {
  day: null,
  closed_day: "2026-01-04",
  complete: true,
  accounts: [{
    account: "clearing",
    currency: "EUR",
    debit_cents: 1_250,
    credit_cents: 0,
    balance_cents: 1_250,
    rows: 1,
  }, {
    account: "sales",
    currency: "EUR",
    debit_cents: 0,
    credit_cents: 1_250,
    balance_cents: -1_250,
    rows: 1,
  }],
} satisfies z.input<typeof ledgerBalanceAnswer>;

const report = {
  ok: true,
  checked_at: "2026-01-05T10:12:00.000Z",
  seconds: 1.2,
  incremental: false,
  sealed: { orders: 12_480, refunds: 310, proven_since: "2026-01-05T09:58:00.000000Z" },
  checks: [{
    name: "stock",
    ok: true,
    checked: 2_790,
    drift: [],
    drift_count: 0,
    for_people: 0,
  }],
} as const;

/** The last verification. */
export const verificationExample = {
  verification: {
    ...report,
    losses: [],
    checks: report.checks.map((check) => ({ ...check, drift: [] })),
  },
} satisfies z.input<typeof verificationAnswer>;

/** Nothing was to be repaired. */
export const repairAnswerExample = {
  running: false,
  repair: "nothing",
  verification: verificationExample.verification,
} satisfies z.input<typeof verifiedAnswer>;

/** The process lives. */
export const alive = { status: "ok" } satisfies z.input<typeof aliveAnswer>;

/** All parts work. */
export const ready = {
  status: "ok",
  checks: { database: "ok", redis: "ok", migrations: "ok" },
  gateway: "http",
  warnings: [],
} satisfies z.input<typeof readyAnswer>;

/** A part does not. */
export const notReady = {
  status: "unavailable",
  checks: { database: "ok", redis: "no answer", migrations: "ok" },
  gateway: "simulated",
  warnings: ["Payments are simulated: no money is taken or given back (GATEWAY=simulated)"],
} satisfies z.input<typeof readyAnswer>;

/** What a provider sends. */
export const callback = {
  type: "charge.succeeded",
  timestamp: "2026-01-05T10:00:03Z",
  data: {
    id: "ch_17",
    idempotency_key: "charge_8c1f5e0b7a94d2c36f80a1b9e7d4c5f60312ab98",
    amount_cents: 2_500,
    currency: "EUR",
  },
} satisfies z.input<typeof callbackBody>;

/** What it is answered. */
export const takenCallback = { duplicate: false } satisfies z.input<typeof takenAnswer>;

const row = [
  "web-1",
  "2026-01-05 10:00:00",
  "EUR",
  "c-7",
  "ann@example.com",
  "Ann",
  "MUG",
  "Mug",
  1_250,
];

/** Files, as they come and go. */
export const files = {
  import: csvLine(importColumns) + csvLine([...row, 2]),
  rejects: "\ufeff" + csvLine([...importColumns, ...rejectColumns]) +
    csvLine([...row, 0, 2, "qty must be an integer 1…1000000"]),
  stock: csvLine(["sku", "set_qty"]) + csvLine(["BOWL", 48]),
  progress: `event: progress\ndata: ${JSON.stringify(runningImport)}\n\n` +
    `event: end\ndata: ${JSON.stringify(doneImport)}\n\n`,
  events: `id: ZXZlbnRzOjE3MDUuMTEuMA\nevent: order.paid\ndata: ${JSON.stringify(events.paid)}\n\n`,
  metrics: "# HELP orders_group_backlog Messages that wait\n# TYPE orders_group_backlog gauge\n" +
    'orders_group_backlog{group="payments"} 1942\n',
} as const;

/** A problem that is about HTTP alone. */
type HttpProblem = 400 | 401 | 403 | 404 | 408 | 413 | 415 | 429 | 500;

/** What a problem is called here: its code, or its status where it is about HTTP alone. */
export type ProblemName = Exclude<ErrorCode, "bad_settings" | "bad_usage"> | HttpProblem;

const said: Readonly<Record<Extract<ProblemName, string>, [detail: string, ...faults: Fault[]]>> = {
  bad_request: ["The query is not valid: limit must be an integer 1…100", {
    at: "limit",
    detail: "must be an integer 1…100",
  }],
  invalid: ["The body is not valid: #/items/0/qty must be an integer 1…1000000", {
    at: "#/items/0/qty",
    detail: "must be an integer 1…1000000",
  }],
  not_found: ["There is no order 42"],
  order_conflict: ['Order "web-1" is known with another content'],
  product_conflict: ['Product "MUG" is known with another price_cents'],
  stock_changed: ["Cannot change MUG: it has changed since you looked, and has 48 units now"],
  stock_file_applied: [
    "Cannot add the units of march.csv: a file of the same content was applied on 2026-03-31 08:00:00 UTC by " +
    "api:warehouse; --again (again=true over HTTP) adds them once more",
  ],
  charge_not_known: ["No order is known that was charged under this key; send it again later"],
  order_not_cancellable: ["Cannot cancel order 42: it is PAID already"],
  order_not_capturable: ["Cannot capture the money of order 42: no money is held for it"],
  capture_not_total: [
    "Cannot capture 10.00 EUR for order 42: its total is 25.00 EUR; change the order first, and the new total is held instead",
  ],
  order_not_editable: [
    "Cannot edit order 42: it is PAID already; refund what is too much by its lines " +
    "with POST /orders/42/refunds, and place what comes on top as an order of its own",
  ],
  stock_insufficient: ["Cannot edit order 42: MUG is short: 3 more are needed, and 1 is left", {
    at: "#/items/0/qty",
    detail: "MUG is short: 3 more are needed, and 1 is left",
  }],
  precondition_failed: [
    'Cannot edit order 42: it is at "1-7d865e959b2466f1" by now; GET /orders/42 has it as it is',
  ],
  precondition_required: [
    "If-Match is missing: send the ETag that GET /orders/42 answers with, so that nobody's change is undone unseen",
  ],
  not_yours: [
    "Cannot cancel order 42: another token has brought it, so this needs the scope cancel",
  ],
  order_not_retryable: [
    "Cannot retry order 42: its payment was declined, and only what ran short of stock can be",
  ],
  customer_not_erasable: [
    "Cannot erase customer 7: order 42 is not settled: let it end, or cancel it",
    { at: "order 42", detail: "is not settled: let it end, or cancel it" },
  ],
  order_not_refundable: [
    "Cannot refund order 42: it is PENDING, and only PAID orders can be refunded",
  ],
  refund_exceeds_left: ["Cannot refund order 42: 50.00 EUR exceed the 25.00 EUR that are left"],
  refund_not_by_hand: [
    "Cannot decide about refund 17 by hand: it goes back through its provider",
  ],
  payment_not_disputed: ["Cannot decide about the payment of order 42: none is in dispute"],
  reconciliation_conflict: [
    "Cannot take reconciliation 3 back: discrepancies of it are being mended: 7",
  ],
  discrepancy_not_mendable: ["Cannot mend discrepancy 7: it is mended already"],
  import_has_no_rejects: ["Import 7 has no rejects file, because it is RUNNING"],
  dead_letter_decided: ["Cannot retry dead letter 7: it is DISCARDED already"],
  dead_letter_not_retryable: [
    'Cannot retry dead letter 7: there is no field "message"; it can only be discarded',
  ],
  verification_running: ["Another verification is running; try again when it has ended"],
  import_not_cancellable: ["Cannot cancel import 7: it is DONE already"],
  webhook_endpoint_conflict: [
    "Cannot add the endpoint: endpoint 3 has this URL",
  ],
  notification_not_replayable: [
    "Cannot send notification 9 again: it is being sent at this moment",
  ],
  channel_not_configured: ["Cannot enable webhook: NOTIFY_WEBHOOK_URL is not set"],
  idempotency_key_in_use: [
    "A request with this idempotency key is still running; try again later",
  ],
  idempotency_key_reused: ["The idempotency key has been used with another request"],
  unavailable: ["An engine cannot be reached; try again later"],
};

const saidByHttp: Readonly<Record<HttpProblem, string>> = {
  400: "The body ended too early",
  401: "This needs a token: Authorization: Bearer …",
  403: "This needs the scope orders",
  404: "There is nothing at /payments/callback",
  408: "The body did not come in time",
  413: "The body must have at most 1048576 bytes",
  415: "The body must be application/json, not text/plain",
  429: "shop has made more than 600 requests a minute",
  500: "An unexpected error; the log has it under 5f1c…",
};

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

/** A problem of this name. */
export function problemExample(name: ProblemName): Problem {
  if (typeof name === "number") return httpProblemOf(name, saidByHttp[name]);
  const [detail, ...faults] = said[name];
  return problemOf(new WorkflowError(name, detail, faults));
}
