/**
 * What a request to take held money says.
 *
 * @module
 */

import { z } from "zod";

/** Strict: a misspelt `amount_cents` that was passed over would take everything. */
export const captureBody = z.strictObject({
  amount_cents: z.int("must be an integer").min(1, "must be at least 1").optional()
    .meta({ description: "Has to be the order's total; without it that is taken" }),
});
