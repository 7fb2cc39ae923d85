/**
 * Examples for the OpenAPI document: providers' callbacks and chargebacks.
 *
 * @module
 */

import type { z } from "zod";
import type {
  chargebackAnswer,
  chargebackListAnswer,
  takenAnswer,
} from "../description/answers.ts";
import type { callbackBody } from "./callback_body.ts";
import type { decideBody } from "./decide_body.ts";

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

/** How one ended, as a person says it. */
export const lostByLetter = {
  outcome: "lost",
  note: "the bank's letter of 19 February",
} satisfies z.input<typeof decideBody>;

/** A page of chargebacks. */
export const chargebackList = {
  data: [heldChargeback],
  next_cursor: null,
} satisfies z.input<typeof chargebackListAnswer>;
