/**
 * What a person says of money that was given back by hand, as the API takes it.
 *
 * @module
 */

import { z } from "zod";
import { reasonFault, trimmedReason } from "../../../domain/refund/refund_request.ts";

/** What somebody says of it, at most 255 characters; left out where nothing is said. */
export const noteField = z.string({ error: "must be text" }).trim()
  .superRefine((text, issues) => {
    const message = reasonFault(text);
    if (message !== undefined) issues.addIssue({ code: "custom", message });
  })
  .transform(trimmedReason)
  .nullish();

/** What a body has to be. */
export const mustBeObject = {
  error: (issue: { code?: string }) =>
    issue.code === "invalid_type" ? "must be an object" : undefined,
};

/** It was given back: by what, such as the transfer's reference. */
export const completedBody = z.strictObject({ reference: noteField }, mustBeObject);

/** The same of a payment: which one, where several of its order wait. */
export const returnedBody = z.strictObject({
  reference: noteField,
  payment_id: z.int({ error: "must be the id of a payment" }).min(1).nullish(),
}, mustBeObject);

/** It is not given back: why. */
export const refusedBody = z.strictObject({ reason: noteField }, mustBeObject);
