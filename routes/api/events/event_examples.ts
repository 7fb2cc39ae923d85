/**
 * Examples for the OpenAPI document: the feed.
 *
 * @module
 */

import type { z } from "zod";
import type { eventAnswer, eventListAnswer } from "./event_answers.ts";

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
