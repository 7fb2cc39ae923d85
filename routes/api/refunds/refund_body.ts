/**
 * A refund as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import { reasonFault, trimmedReason } from "../../../domain/refund/refund_request.ts";

/**
 * Strict, because a misspelt `amount_cents` that was passed over would give everything back; null is
 * refused for the same reason: it is what a calculation gone wrong looks like in JSON.
 */
export const refundBody = z.strictObject({
  amount_cents: z.int({ error: "must be a whole number of minor units (cents)" })
    .min(1, "must be at least 1")
    .optional(),
  reason: z.string({ error: "must be text" }).trim()
    .superRefine((text, issues) => {
      const message = reasonFault(text);
      if (message !== undefined) issues.addIssue({ code: "custom", message });
    })
    .transform(trimmedReason)
    .nullish(),
}, { error: (issue) => issue.code === "invalid_type" ? "must be an object" : undefined });
