/**
 * What the routes of people answer with, as schemas.
 *
 * @module
 */

import { z } from "zod";
import { cents, currency, id, time } from "../description/schema_parts.ts";

/** What became of an erasure. */
export const erasedAnswer = z.object({
  customer_id: id.meta({ description: "The row that stands for the person from now on" }),
  changed: z.boolean().meta({ description: "False where it was done before" }),
  orders: z.int().min(0).meta({ description: "Orders that stay without a name" }),
  erased_at: time,
  same_email_customer_ids: z.array(id).meta({
    description:
      "Other customers of the shop with the same address, who were left alone: they may be somebody else. " +
      "Empty where it was done before",
  }),
}).meta({ id: "Erasure" });

const text = z.string().nullable();
const part = z.array(z.record(z.string(), z.unknown()));

/** Everything that is kept of a person. */
export const exportAnswer = z.object({
  customers: z.array(z.object({
    id,
    external_id: z.string(),
    guest: z.boolean(),
    email: text,
    name: z.string(),
    first_email: text.meta({ description: "What the customer was first known by" }),
    first_name: z.string(),
    created_at: time,
  })).meta({ description: "The customer, and guests of the same address" }),
  erased_at: time.nullable(),
  orders: z.array(z.object({
    id,
    external_order_id: z.string(),
    status: z.string(),
    failure_reason: text,
    currency,
    total_cents: cents,
    refunded_cents: cents,
    placed_at: time,
    settled_at: time.nullable(),
    recipient_name: text,
    recipient_email: text,
    language: text,
    items: part,
    adjustments: part,
    payments: part,
    payment_instructions: part,
    payment_attempts: part.meta({
      description: "Tries to charge or give back, with what the payment provider said",
    }),
    source_payments: part,
    chargebacks: part,
    refunds: part,
    notifications: part,
    attempts: part.meta({
      description: "Tries to send the notifications, with what the receiver said",
    }),
    timeline: part,
  })).meta({ description: "Orders of the person, and those that others had sent to them" }),
  rejected_rows: z.array(z.object({
    import_id: id,
    row: z.record(z.string(), z.string()),
  })).meta({ description: "Rows of files that were not taken" }),
}).meta({ id: "PersonExport" });
