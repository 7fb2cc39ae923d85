/**
 * What requests about reconciliations say.
 *
 * @module
 */

import { z } from "zod";
import {
  discrepancyActionNames,
  discrepancyKindNames,
  discrepancyStates,
} from "../../../domain/reconciliation/discrepancy.ts";
import { reasonFault } from "../../../domain/refund/refund_request.ts";
import { day, optionalQuery, pageQuery, queryInteger, queryText } from "../description/queries.ts";

/** One of some words. */
const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, { error: `must be one of ${words.join(", ")}` });

/** A time as answers have it, which is compared and not read. */
const time = z.string({ error: "must be a time as it is shown" })
  .max(40, "must be a time as it is shown");

const providerName = queryText().regex(/^\w{1,32}$/, "must be the name of a provider");

/** Of which provider's books a reconciliation is, and which days they cover. */
export const reconcileQuery = z.object({
  provider: optionalQuery(
    "Whose books they are, as payments name it; GATEWAY where it is left out",
    providerName,
  ),
  from: optionalQuery("The first day that the report covers whole, in UTC", day),
  to: optionalQuery("The last day that it covers whole", day),
  name: optionalQuery("What the file is called; only shown", queryText().max(255)),
  sheet: optionalQuery(
    "Sheet of a workbook that has the lines, by its name or its place from 1; asked for where several have rows",
    queryText().trim().max(255, "must have at most 255 characters"),
  ),
});

/** Which days of a provider's own list are asked for. */
export const listedBody = z.strictObject({
  from: day.meta({ description: "The first day, in UTC" }),
  to: day.optional().meta({ description: "The last day" }),
});

/** Which discrepancies are wanted. */
export const discrepancyQuery = z.object({
  state: optionalQuery("How far they are", oneOf(discrepancyStates)),
  kind: optionalQuery("What they are", oneOf(discrepancyKindNames)),
  provider: optionalQuery("Of this provider", providerName),
  reconciliation: optionalQuery(
    "That this reconciliation was the first to find",
    queryInteger(1, 999_999_999_999_999),
  ),
  order: optionalQuery("Of this order, by its id", queryInteger(1, 999_999_999_999_999)),
  ...pageQuery.shape,
});

/** How a discrepancy is to be mended. */
export const mendingBody = z.strictObject({
  action: oneOf(discrepancyActionNames).optional().meta({
    description: "The first that is offered where it is left out",
  }),
  note: z.string({ error: "must be text" }).trim().max(255, "must have at most 255 characters")
    .refine((text) => reasonFault(text) === undefined, "must hold no control characters")
    .optional(),
});

/** What is approved of a report. */
export const reportApprovalBody = z.strictObject({
  finished_at: time.meta({
    description:
      "When the report was finished, as it is shown: refused where that was at another time",
  }),
});

/** What is approved of what somebody else proposed. */
export const approvalBody = z.strictObject({
  action: oneOf(discrepancyActionNames).optional().meta({
    description:
      "What is approved: refused where something else is proposed by now; needed where two have to agree",
  }),
  proposed_at: time.optional().meta({
    description:
      "The proposal's time, as it is shown: refused where it was proposed anew since; needed likewise",
  }),
});
