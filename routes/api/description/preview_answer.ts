/**
 * The preview of a file as the API answers it, and what the document says of it.
 *
 * @module
 */

import { delimiters } from "../../../domain/import/source_row.ts";
import { z } from "zod";
import { maxExamples, ordersShown } from "../../../domain/import/import_preview.ts";
import { paymentStatuses } from "../../../domain/order/source_payment.ts";
import { cents, count, currency, time } from "./schema_parts.ts";

const line = z.int().min(1);

const question = z.object({
  setting: z.string().meta({ description: "The profile's setting that answers it" }),
  question: z.string(),
  candidates: z.array(z.object({ value: z.string(), meaning: z.string() })),
  words: z.array(z.object({ word: z.string(), rows: count, line })).optional().meta({
    description: "Of the setting `status`: the words of the file of which the profile says nothing",
  }),
});

const orderShown = z.object({
  external_order_id: z.string(),
  line,
  placed_at: time,
  currency,
  customer: z.object({
    external_id: z.string(),
    email: z.string().nullable(),
    name: z.string(),
    guest: z.boolean(),
  }),
  items: z.array(z.object({
    sku: z.string(),
    name: z.string(),
    unit_price_cents: cents,
    qty: count,
  })).meta({ description: "The first ones; `item_count` tells how many there are" }),
  item_count: count,
  adjustments: z.array(z.object({
    kind: z.string(),
    label: z.string().nullable(),
    amount_cents: z.int().meta({ description: "Minor units; below zero for what is taken off" }),
    included: z.boolean(),
  })),
  payment: z.enum(paymentStatuses).meta({
    description: "`due` is charged, `paid` is recorded and never charged, `none` costs nothing",
  }),
  total_cents: cents,
  outcome: z.string(),
});

const booked = z.object({
  currency,
  total_cents: cents,
  units: count,
  recipient: z.string(),
  email: z.string().nullable(),
  payment: z.enum(paymentStatuses).meta({
    description:
      "Where it differs before and after, the file decides anew whether the order is charged",
  }),
});

const payments = z.object({ orders: count, sum_cents: cents });

/** See {@linkcode ImportPreview}. */
const totals = z.object({
  named: count,
  agree: count,
  largest_difference: z.object({
    external_order_id: z.string(),
    currency,
    difference_cents: z.int(),
  }).nullable(),
});

export const previewAnswer = z.object({
  file: z.object({
    name: z.string(),
    bytes: count,
    rows: count,
    form: z.object({
      container: z.enum(["plain", "gzip", "zip", "xlsx"]),
      encoding: z.string(),
      delimiter: z.enum(delimiters),
      header_line: line,
      sheet: z.string().nullable().meta({ description: "Of a workbook" }),
    }).nullable().meta({ description: "null for a file in the importer's own form" }),
    notes: z.array(z.string()),
  }),
  profile: z.object({
    name: z.string(),
    why: z.string().nullable().meta({ description: "By what it was recognised" }),
    settings: z.record(z.string(), z.unknown()).meta({
      description: "The profile's document, complete, to be sent again as the field `profile`",
    }),
  }).nullable(),
  questions: z.array(question).meta({
    description:
      "What only the file's owner can know. While there is one, `plan` is null and the parts below are empty",
  }),
  columns: z.object({
    used: z.array(z.object({
      name: z.string(),
      samples: z.array(z.string()),
      fills: z.array(z.string()),
    })),
    unused: z.array(z.object({
      name: z.string(),
      samples: z.array(z.string()),
      looks_like: z.string().nullable().meta({
        description:
          "`status`, `total`, `tax`, `shipping`, `discount`, `refund`, `fee`, `tip`, `credit` (gift cards, store credit, " +
          "points), `deposit`, `duty` or `rounding`: it seems to matter and is not used",
      }),
    })),
  }),
  counts: z.object({
    rows: count,
    rows_rejected: count,
    orders: count,
    orders_new: count,
    orders_updated: count,
    orders_unchanged: count,
    orders_rejected: count,
    orders_conflict: count,
    orders_skipped: count,
  }),
  first_orders: z.array(orderShown).meta({
    description: `The first ${ordersShown}, as they would be booked`,
  }),
  largest_orders: z.array(orderShown).meta({ description: "By currency" }),
  money: z.array(z.object({
    currency,
    orders: count,
    sum_cents: cents,
    smallest_cents: cents,
    median_cents: cents,
    largest_cents: cents,
  })).meta({ description: "The orders that would be taken or are known" }),
  payments: z.array(z.object({
    currency,
    charged: payments,
    recorded_as_paid: payments,
    free: count,
  })).meta({ description: "The orders that would be booked: new or changed" }),
  skipped: z.array(z.object({ why: z.string(), orders: count })),
  totals: totals.meta({
    description: "How the totals that the file names agree with those that would be booked",
  }),
  unused_totals: z.array(totals.extend({ column: z.string() })).meta({
    description: "Columns that look like totals, are not used, and contradict what would be booked",
  }),
  changed: z.object({
    orders: count,
    examples: z.array(z.object({ external_order_id: z.string(), before: booked, after: booked })),
  }),
  conflicts: z.object({
    orders: count,
    of_other_customers: count.meta({
      description:
        "Those of them that are of another customer and of another time: two shops may number their orders " +
        "alike, then set `order_id_prefix` in the profile of one",
    }),
    examples: z.array(z.object({
      external_order_id: z.string(),
      status: z.string().nullable(),
      reason: z.string(),
    })),
  }),
  addresses: z.object({
    customers: count,
    examples: z.array(z.object({
      external_id: z.string(),
      before: z.string(),
      after: z.string(),
      external_order_id: z.string(),
    })),
  }).meta({
    description: "Known customers who would be reached elsewhere; without `read` none is told",
  }),
  repeated: z.object({
    rows: count,
    orders: count,
    examples: z.array(z.object({ external_order_id: z.string(), lines: z.array(line) })),
  }).meta({ description: "Rows that say the same as another row of their order" }),
  shortages: z.object({
    products: count,
    complete: z.boolean(),
    examples: z.array(z.object({ sku: z.string(), wanted: count, available: z.int() })),
  }).meta({
    description: "`complete` is false where not all products were compared: without `read` none is",
  }),
  reasons: z.array(z.object({
    reason: z.string(),
    rows: count,
    line,
    example: z.string(),
  })).meta({
    description: `Why rows would not be taken; examples of all kinds are ${maxExamples} at most`,
  }),
  plan: z.string().nullable().meta({
    description:
      "Sent with the same file as `plan`, it imports the file as it is shown here, or not at all",
  }),
}).meta({ id: "ImportPreview" });

const order = {
  external_order_id: "#1001",
  line: 2,
  placed_at: "2026-01-05T15:22:31.000Z",
  currency: "EUR",
  customer: {
    external_id: "guest:mara@example.com",
    email: "mara@example.com",
    name: "Mara Lind",
    guest: true,
  },
  items: [
    { sku: "MUG-B", name: "Mug blue", unit_price_cents: 1_200, qty: 2 },
    { sku: "POT-1", name: "Teapot", unit_price_cents: 3_000, qty: 1 },
  ],
  item_count: 2,
  adjustments: [
    { kind: "shipping", label: null, amount_cents: 490, included: false },
    { kind: "discount", label: null, amount_cents: -540, included: false },
  ],
  payment: "paid",
  total_cents: 5_350,
  outcome: "new",
} as const;

/** A preview of a shop's export. */
export const importPreview = {
  file: {
    name: "orders_export.csv",
    bytes: 989,
    rows: 4,
    form: { container: "plain", encoding: "utf-8", delimiter: ",", header_line: 1, sheet: null },
    notes: ["decimal sign: . (by 24 amounts such as 12.00)"],
  },
  profile: {
    name: "shopify",
    why: "its columns Name, Financial Status, Lineitem quantity, Lineitem price, Total",
    settings: {
      version: 1,
      name: "shopify",
      fill_down: "order",
      money: { in: "units", decimal: "." },
    },
  },
  questions: [],
  columns: {
    used: [{ name: "Lineitem price", samples: ["12.00", "30.00"], fills: ["price"] }],
    unused: [{ name: "Refunded Amount", samples: ["0.00", "18.00"], looks_like: "refund" }],
  },
  counts: {
    rows: 4,
    rows_rejected: 0,
    orders: 1,
    orders_new: 1,
    orders_updated: 0,
    orders_unchanged: 0,
    orders_rejected: 0,
    orders_conflict: 0,
    orders_skipped: 2,
  },
  first_orders: [{ ...order, items: [...order.items], adjustments: [...order.adjustments] }],
  largest_orders: [{ ...order, items: [...order.items], adjustments: [...order.adjustments] }],
  money: [{
    currency: "EUR",
    orders: 1,
    sum_cents: 5_350,
    smallest_cents: 5_350,
    median_cents: 5_350,
    largest_cents: 5_350,
  }],
  payments: [{
    currency: "EUR",
    charged: { orders: 0, sum_cents: 0 },
    recorded_as_paid: { orders: 1, sum_cents: 5_350 },
    free: 0,
  }],
  skipped: [{ why: 'Financial Status is "refunded"', orders: 2 }],
  totals: { named: 1, agree: 1, largest_difference: null },
  unused_totals: [],
  changed: { orders: 0, examples: [] },
  conflicts: { orders: 0, of_other_customers: 0, examples: [] },
  addresses: { customers: 0, examples: [] },
  repeated: { rows: 0, orders: 0, examples: [] },
  shortages: { products: 1, complete: true, examples: [{ sku: "POT-1", wanted: 1, available: 0 }] },
  reasons: [],
  plan: "a3f1c9b5d7e2486f90b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f50617",
} satisfies z.input<typeof previewAnswer>;
