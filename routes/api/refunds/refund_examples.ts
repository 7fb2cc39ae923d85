/**
 * Examples for the OpenAPI document: refunds.
 *
 * @module
 */

import type { z } from "zod";
import type { refundAnswer, refundListAnswer } from "../description/answers.ts";
import type { completedBody, refusedBody, returnedBody } from "./by_hand_body.ts";
import type { refundBody } from "./refund_body.ts";

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

/** A page of refunds, which is the last. */
export const refundList = {
  data: [processedRefund],
  next_cursor: null,
} satisfies z.input<typeof refundListAnswer>;
