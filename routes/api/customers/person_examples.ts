/**
 * Examples for the OpenAPI document: people.
 *
 * @module
 */

import type { z } from "zod";
import type { erasedAnswer, exportAnswer } from "./customer_answers.ts";

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
