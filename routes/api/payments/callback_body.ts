/**
 * An answer of the payment provider as the API takes it.
 *
 * @module
 */

import { z } from "zod";

/** What a provider sends, after Standard Webhooks. */
export const callbackBody = z.object({
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
