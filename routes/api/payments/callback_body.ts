/**
 * An answer of the payment provider as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import { chargebackStateNames } from "../../../domain/payment/chargeback.ts";
import {
  chargebackTypes,
  takenBackType,
} from "../../../streams/payments/providers/standard_webhook.ts";

/** Whom it is meant for, where the same secrets sign for several providers. */
const provider = z.literal("http").optional();

const chargeback = z.object({
  provider,
  type: z.enum(chargebackTypes),
  /** When it was so, whenever it is sent. */
  timestamp: z.iso.datetime(),
  data: z.object({
    id: z.string().min(1).max(128),
    charge_id: z.string().min(1).max(128),
    state: z.enum(chargebackStateNames),
    amount_cents: z.int().min(0),
    currency: z.string().regex(/^[A-Z]{3}$/),
    reason: z.string().min(1).max(255).nullish(),
    due_by: z.iso.datetime().nullish(),
    opened_at: z.iso.datetime(),
  }),
});

const charge = z.object({
  provider,
  type: z.enum(["charge.succeeded", "charge.declined"]),
  timestamp: z.string(),
  data: z.object({
    id: z.string().min(1).max(128),
    idempotency_key: z.string().max(255),
    /** The shop's id of the order, where the provider repeats it. */
    reference: z.string().max(64).nullish(),
    amount_cents: z.int().min(0),
    currency: z.string().regex(/^[A-Z]{3}$/),
  }),
});

const takenBack = z.object({
  provider,
  type: z.literal(takenBackType),
  /** When it was so, whenever it is sent. */
  timestamp: z.iso.datetime(),
  data: z.object({
    id: z.string().min(1).max(128),
    /** That the refund was asked for under. */
    idempotency_key: z.string().min(1).max(64),
    charge_id: z.string().min(1).max(128).nullish(),
    amount_cents: z.int().min(1),
    currency: z.string().regex(/^[A-Z]{3}$/),
    reason: z.string().min(1).max(255).nullish(),
  }),
});

/** What a provider sends, after Standard Webhooks: of a charge, of a chargeback, or of a refund that came back. */
export const callbackBody = z.union([charge, chargeback, takenBack]);
