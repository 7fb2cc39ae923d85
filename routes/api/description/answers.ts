/**
 * What the API answers with, as schemas: the OpenAPI document is made of them, and answers are checked against
 * them by the tests.
 *
 * @module
 */

import { z } from "zod";
import { notificationStates } from "../../../domain/notification/notification.ts";
import { maxCounted } from "../../../domain/bounded_count.ts";
import { recordedKinds } from "../../../domain/order/adjustment.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { chargebackStateNames } from "../../../domain/payment/chargeback.ts";
import { captureMoments } from "../../../domain/payment/payment_instructions.ts";
import { tryKinds, tryOutcomes } from "../../../domain/payment/payment_try.ts";
import { refundableKinds } from "../../../domain/refund/shares.ts";
import { customer, orderSchemas } from "../orders/order_fields.ts";
import { cents, count, currency, id, time } from "./schema_parts.ts";
import { maxReasons } from "../../../domain/import/reject_reasons.ts";

/** An RFC 9457 problem. */
export const problemAnswer = z.object({
  type: z.string().meta({
    description: "The address of a page about it, or about:blank where the status says it all",
  }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({
    pointer: z.string().optional().meta({ description: "JSON pointer into the body" }),
    parameter: z.string().optional()
      .meta({ description: "Of the query, a part of the path, or a header" }),
    detail: z.string(),
  })).optional().meta({ description: "Every faulty field" }),
}).meta({ id: "Problem" });

/** An order without what belongs to it. */
export const orderAnswer = z.object(orderSchemas).meta({ id: "Order" });

/** An order for whoever has brought or changed it. */
export const orderReceiptAnswer = z.object({
  ...orderSchemas,
  customer: customer.partial({ email: true, name: true, guest: true })
    .meta({ description: "All but the ids is for tokens with the scope `read`" }),
  recipient_name: orderSchemas.recipient_name.optional(),
  recipient_email: orderSchemas.recipient_email.optional(),
}).meta({ id: "OrderReceipt" });

/** What became of one order of a batch. */
export const batchLineAnswer = z.object({
  line: z.int().min(1).meta({
    description: "Of NDJSON the number of the line, of an array the place; both from 1",
  }),
  status: z.union([
    z.literal(200),
    z.literal(202),
    z.literal(400),
    z.literal(409),
    z.literal(413),
    z.literal(422),
    z.literal(500),
    z.literal(503),
  ]).meta({ description: "What `POST /orders` answers to the order alone" }),
  location: z.string().optional().meta({
    description: "Where it is to be found, once it is taken",
  }),
  etag: z.string().optional().meta({ description: "Of an order that is taken, for `PUT`" }),
  order: orderReceiptAnswer.optional().meta({ description: "Of 200 and 202" }),
  problem: problemAnswer.optional().meta({ description: "Of any other status" }),
}).meta({ id: "BatchLine" });

/** What became of the orders of a batch, in their order. */
export const batchAnswer = z.array(batchLineAnswer).meta({ id: "Batch" });

/** A refund. */
export const refundAnswer = z.object({
  id,
  order_id: id,
  amount_cents: cents,
  currency,
  reason: z.string().nullable(),
  status: z.enum(["REQUESTED", "PROCESSED", "FAILED"]),
  failure_reason: z.string().nullable(),
  by_hand: z.boolean().meta({
    description: "A person gives it back: no provider that is configured has the money",
  }),
  idempotency_key: z.string().nullable(),
  processed_at: time.nullable(),
  created_at: time,
  lines: z.array(z.object({
    item_id: id,
    sku: z.string(),
    qty: z.int().min(1),
    amount_cents: cents,
    restock: z.boolean().meta({ description: "Whether the units are to go back into stock" }),
    restocked: z.boolean().meta({ description: "True once they are" }),
  })).meta({ description: "Units of items that it is for; none where it is of a mere amount" }),
  adjustments: z.array(z.object({ kind: z.enum(refundableKinds), amount_cents: cents }))
    .meta({ description: "What it gives back of what was charged beside the items" }),
}).meta({ id: "Refund" });

const payment = z.object({
  id,
  provider: z.string(),
  provider_ref: z.string(),
  amount_cents: cents,
  currency,
  status: z.enum(["SUCCEEDED", "DECLINED", "REVERSING", "REVERSED", "DISPUTED", "DISMISSED"])
    .meta({ description: "`DISPUTED` waits for a decision: it does not fit the order" }),
  paid_at: time.nullable(),
});

/** A chargeback. */
export const chargebackAnswer = z.object({
  id,
  provider: z.string(),
  provider_ref: z.string().meta({ description: "The provider's own name for it" }),
  charge_ref: z.string().meta({ description: "The provider's own name for the charge" }),
  order_id: id.nullable().meta({ description: "Null while no payment here has that name" }),
  external_order_id: z.string().nullable(),
  payment_id: id.nullable(),
  state: z.enum(chargebackStateNames).meta({
    description:
      "`warning_…` are inquiries, before any money is withheld; `prevented` was settled before it was one",
  }),
  amount_cents: cents.meta({
    description: "What is contested: may be a part of the charge, or more",
  }),
  currency,
  held_cents: cents.meta({ description: "Withheld until it is decided" }),
  lost_cents: cents.meta({ description: "Gone" }),
  reason: z.string().nullable().meta({ description: "The provider's word for why" }),
  due_by: time.nullable().meta({ description: "Until when it has to be answered" }),
  opened_at: time,
  told_at: time.meta({ description: "Of what the provider said last" }),
  lowers_revenue: z.enum(["opened", "lost", "never"]).meta({
    description:
      "When it lowers revenue, as `CHARGEBACK_REVENUE` said when it came; `never` where its money was no revenue",
  }),
  seen_at: time.nullable().meta({ description: "When somebody said to know of it as it stands" }),
  seen_by: z.string().nullable(),
}).meta({ id: "Chargeback" });

/** An order with everything. */
export const orderDetailAnswer = z.object({
  ...orderSchemas,
  language: z.string().nullable()
    .meta({ description: "BCP 47, such as `de-AT`; null where its source did not say" }),
  items: z.array(z.object({
    id,
    sku: z.string(),
    name: z.string(),
    unit_price_cents: cents,
    qty: z.int().min(1),
    subtotal_cents: cents,
  })),
  items_cents: cents.meta({ description: "Sum of the items, in minor units" }),
  adjustments: z.array(z.object({
    id,
    kind: z.enum(recordedKinds).meta({
      description:
        "`payment_difference` is what an accepted payment was more or less than asked for",
    }),
    label: z.string().nullable().meta({ description: "What the customer reads" }),
    amount_cents: z.int()
      .meta({ description: "In minor units of the currency; a discount is below zero" }),
    included: z.boolean()
      .meta({ description: "True for a tax that the prices hold: it adds nothing to the total" }),
  })).meta({
    description: "What there is besides the items: `total_cents` is `items_cents` and those that " +
      "are not `included`",
  }),
  payment: payment.nullable(),
  source_payment: z.object({
    provider: z.string(),
    reference: z.string().meta({ description: "The provider's own name for the payment" }),
    paid_at: time.nullable(),
  }).nullable().meta({ description: "The payment that was made at the source, as it says" }),
  further_payments: z.array(payment)
    .meta({ description: "Money beside the payment that settles the order" }),
  chargebacks: z.array(chargebackAnswer)
    .meta({ description: "Charges of it that its customer contested at the bank" }),
  payment_instructions: z.object({
    method_type: z.string().nullable(),
    method: z.string().nullable(),
    customer: z.string().nullable(),
    description: z.string().nullable(),
    metadata: z.record(z.string(), z.string()).nullable(),
    capture: z.enum(captureMoments).nullable(),
  }).nullable().meta({ description: "What it is to be paid with, as its source says" }),
  payment_action: z.object({ url: z.string().nullable(), expires_at: time.nullable() }).nullable()
    .meta({ description: "What the customer has to do before the money moves" }),
  authorization: z.object({
    status: z.enum(["HELD", "CAPTURED", "RELEASED"]),
    provider: z.string(),
    provider_ref: z.string(),
    amount_cents: cents,
    currency,
    expires_at: time.meta({ description: "When the order fails if it was not captured" }),
    capture_requested_at: time.nullable(),
  }).nullable().meta({
    description: "What the provider holds for it, or held, with `CAPTURE=later`",
  }),
  payment_attempts: z.array(z.object({
    kind: z.enum(tryKinds),
    outcome: z.enum(tryOutcomes).meta({
      description:
        "`later` got no answer, or is to be tried again; `never` is refused as it was asked for; `needs_customer` waits " +
        "for the customer; `denied` serves nobody at the moment; `unclear` can't be used",
    }),
    provider: z.string(),
    provider_ref: z.string().nullable(),
    amount_cents: cents,
    currency,
    refund_id: id.nullable(),
    says: z.string().nullable().meta({
      description: "The provider's words, or why there are none",
    }),
    times: z.int().min(1).meta({ description: "How often the same was answered" }),
    first_at: time,
    last_at: time,
  })).meta({
    description:
      "Tries to charge and to give back, as providers answered them; the simulated one tells of none",
  }),
  shortages: z.array(z.object({ sku: z.string(), missing_qty: z.int().min(1) }))
    .meta({ description: "What it ran short of, until it is taken up again or reserved" }),
  backordered: z.boolean().meta({ description: "True while it waits for these units" }),
  refunds: z.array(refundAnswer),
  notifications: z.array(z.object({
    id,
    refund_id: id.nullable(),
    event: z.string(),
    channel: z.string(),
    status: z.string(),
    total_cents: cents,
    payload: z.unknown(),
    success: z.boolean(),
    error: z.string().nullable(),
    state: z.enum(notificationStates),
    sent_at: time.nullable(),
    created_at: time,
  })),
  timeline: z.array(z.object({
    at: time,
    event: z.string(),
    detail: z.string().nullable(),
    refund_id: id.nullable(),
    actor: z.string(),
    attempt: z.int(),
  })),
}).meta({ id: "OrderDetail" });

function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** A page of orders. */
export const orderListAnswer = listOf(orderAnswer).meta({ id: "OrderList" });

/** A page of chargebacks. */
export const chargebackListAnswer = listOf(chargebackAnswer).meta({ id: "ChargebackList" });

/** A page of refunds. */
export const refundListAnswer = listOf(refundAnswer).meta({ id: "RefundList" });

/** An import. */
export const importAnswer = z.object({
  id,
  source: z.string(),
  dry_run: z.boolean(),
  profile: z.string().nullable().meta({
    description: "Name of the profile by which the file was read; null for the importer's own form",
  }),
  plan: z.string().nullable().meta({ description: "What its preview ended with" }),
  actor: z.string().nullable(),
  status: z.enum(["RUNNING", "DONE", "FAILED", "CANCELLED", "INTERRUPTED"]),
  cancel_requested: z.boolean(),
  cancelled_by: z.string().nullable(),
  error: z.string().nullable(),
  reasons: z.array(z.object({
    reason: z.string(),
    rows: count,
    line: z.int().min(1).meta({ description: "The first one that has it" }),
    example: z.string().optional().meta({
      description: "What that line has, with the value; absent in imports of before it was kept",
    }),
  })).meta({
    description: `Why rows were not taken, the most frequent first, at most ${maxReasons}; ` +
      "empty until it ends",
  }),
  rows: count,
  rows_rejected: count,
  orders: count,
  orders_new: count,
  orders_updated: count,
  orders_unchanged: count,
  orders_rejected: count,
  orders_conflict: count,
  orders_skipped: count.meta({
    description:
      "Orders that their source says are over and done with; they are in none of the other counts",
  }),
  published: count,
  money: z.array(z.object({
    currency,
    orders: count,
    sum_cents: cents,
    smallest_cents: cents,
    median_cents: cents,
    largest_cents: cents,
  })).nullable().meta({
    description:
      "Of a trial that is done: the orders that would be taken or are known, by currency",
  }),
  created_at: time,
  finished_at: time.nullable(),
}).meta({ id: "Import" });

/** A page of imports. */
export const importListAnswer = listOf(importAnswer).meta({ id: "ImportList" });

/** The customers with the highest revenue. */
export const leaderboardAnswer = z.object({
  currency,
  leaderboard: z.array(z.object({
    rank: z.int().min(1),
    customer_id: id,
    external_id: z.string().nullable().meta({ description: "Null of a guest" }),
    name: z.string().nullable(),
    revenue_cents: z.int(),
  })),
}).meta({ id: "Leaderboard" });

const pause = z.object({
  actor: z.string(),
  at: time,
  reason: z.string().nullable(),
}).meta({ description: "Who paused it, since when and why" });

/** Money in each currency. */
const money = z.array(z.object({ currency, amount_cents: z.int() }));

/** What waits in one lane of a group. */
const laneWaiting = z.object({
  length: count,
  lag: count,
  pending: count,
  scheduled: count,
  oldest_age_ms: count,
  oldest_unfinished_at: time.nullable(),
  retries: count,
  money,
}).meta({ id: "LaneWaiting" });

/** What waits in the groups, and for stock. */
export const streamsAnswer = z.object({
  backordered: z.array(z.object({ currency, orders: count, amount_cents: z.int() }))
    .meta({ description: "Orders that wait for stock, and for no message" }),
  streams: z.array(z.object({
    group: z.enum(groups),
    length: count,
    lag: count,
    pending: count,
    scheduled: count,
    oldest_age_ms: count,
    oldest_unfinished_at: time.nullable(),
    consumers: count,
    retries: count,
    dead: count.meta({ description: `Counted up to ${maxCounted}` }),
    processed: count,
    paused: pause.nullable().meta({ description: "Null where its consumers work" }),
    money,
    lanes: z.object({ live: laneWaiting, bulk: laneWaiting }).meta({
      description: "The same of what came one by one, and of files, recoveries and other bulk",
    }),
  })),
  by_hand: z.object({
    count: count.meta({ description: `Counted up to ${maxCounted}` }),
    money,
  }).meta({ description: "Money that waits for a person to give it back, and for no message" }),
  warnings: z.array(z.string()).meta({ description: "What to do about work that nobody does" }),
}).meta({ id: "Streams" });

/** Whether a group is paused. */
export const pausedAnswer = z.object({ group: z.enum(groups), paused: pause.nullable() })
  .meta({ id: "PausedGroup" });

/** The process lives. */
export const aliveAnswer = z.object({ status: z.literal("ok") });

/** Whether the process can serve, part by part. */
export const readyAnswer = z.object({
  status: z.enum(["ok", "unavailable"]),
  checks: z.record(z.string(), z.string()),
  /** Name of the payment provider. */
  gateway: z.string(),
  /** What works and is not what it may seem. */
  warnings: z.array(z.string()),
}).meta({ id: "Ready" });

/** What a callback is answered. */
export const takenAnswer = z.object({ duplicate: z.boolean() }).meta({ id: "CallbackTaken" });
