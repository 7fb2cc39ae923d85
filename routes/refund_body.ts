/**
 * A refund as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import { orderLimits } from "../domain/incoming_order.ts";

/**
 * Strict, because a misspelt `amount_cents` that was passed over would give everything back; null is
 * refused for the same reason: it is what a calculation gone wrong looks like in JSON.
 */
export const refundBody = z.strictObject({
  amount_cents: z.int({ error: "must be a whole number of minor units (cents)" })
    .min(1, "must be at least 1")
    .optional(),
  reason: z.string({ error: "must be text" }).trim()
    .refine((text) => [...text].length <= orderLimits.textLength, {
      error: `must have at most ${orderLimits.textLength} characters`,
    })
    .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), {
      error: "must hold no control characters",
    })
    .transform((text) => text === "" ? null : text)
    .nullish(),
}, { error: (issue) => issue.code === "invalid_type" ? "must be an object" : undefined });
