/**
 * What a request to pause a group says.
 *
 * @module
 */

import { z } from "zod";
import { groups } from "../../../domain/messages/messages.ts";
import { reasonFault } from "../../../domain/refund/refund_request.ts";

/** The group in a path. */
export const groupParam = z.object({
  group: z.enum(groups, { error: `must be one of ${groups.join(", ")}` }).meta({
    description: "A group of consumers",
  }),
});

/** Why a group is paused. */
export const pauseBody = z.strictObject({
  reason: z.string({ error: "must be text" }).trim().max(255, "must have at most 255 characters")
    .refine((text) => reasonFault(text) === undefined, "must hold no control characters")
    .optional(),
});
