/**
 * Endpoints of webhooks, as the API takes them.
 *
 * @module
 */

import { z } from "zod";
import { isEventChoice } from "../../../domain/feed/event_types.ts";
import { endpointLimits, usualOverlapSeconds } from "../../../domain/webhook/endpoint.ts";

const missing = (expected: string) => ({ input }: { input?: unknown }) =>
  input === undefined ? "is missing" : expected;

const choiceProblem = "must be a type of event such as order.paid, or order.*, or *";

const fields = {
  url: z.string({ error: missing("must be text") }).trim()
    .max(endpointLimits.urlLength, `must have at most ${endpointLimits.urlLength} characters`)
    .meta({
      description: "Where webhooks are posted to: HTTPS, and no address of a private network",
    }),
  types: z.array(
    z.string({ error: choiceProblem }).refine(isEventChoice, choiceProblem),
    { error: missing("must be a list of types of events") },
  )
    .min(1, "must name at least one type of event")
    .max(endpointLimits.choices, `must hold at most ${endpointLimits.choices} elements`)
    .meta({
      description:
        "Which events of `GET /events`: types, `order.*` for all that begin so, `*` for all",
    }),
  description: z.string({ error: "must be text" }).trim()
    .max(
      endpointLimits.descriptionLength,
      `must have at most ${endpointLimits.descriptionLength} characters`,
    )
    .refine((text) => text.isWellFormed(), "must be well-formed Unicode"),
  enabled: z.boolean({ error: "must be true or false" }),
};

const objectError = {
  error: ({ code }: { code?: string }) => code === "invalid_type" ? "must be an object" : undefined,
};

/** The body of `POST /webhook-endpoints`. */
export const endpointBody = z.strictObject({
  url: fields.url,
  types: fields.types,
  description: fields.description.optional(),
  enabled: fields.enabled.optional(),
}, objectError);

/** The body of `PATCH /webhook-endpoints/{id}`: what is not there stays. */
export const endpointChange = z.strictObject({
  url: fields.url.optional(),
  types: fields.types.optional(),
  description: fields.description.optional(),
  enabled: fields.enabled.optional(),
}, objectError);

const overlapProblem = `must be an integer 0…${endpointLimits.overlapSeconds}: seconds`;

/** The body of `POST /webhook-endpoints/{id}/secret`, which may be left out. */
export const secretBody = z.strictObject({
  overlap_seconds: z.int({ error: overlapProblem })
    .min(0, overlapProblem).max(endpointLimits.overlapSeconds, overlapProblem).optional()
    .meta({
      description:
        `How long the secret before signs as well; ${usualOverlapSeconds} where it is not said`,
    }),
}, objectError);
