/**
 * What the API answers about endpoints of webhooks.
 *
 * @module
 */

import { z } from "zod";
import type { ListedDelivery } from "../../../db/webhooks/deliveries.ts";
import type { WebhookEndpoint } from "../../../db/webhooks/endpoints.ts";
import { deliveryStatuses } from "../../../domain/webhook/endpoint.ts";
import { count, id, time } from "../description/schema_parts.ts";

const fields = {
  id,
  url: z.string(),
  description: z.string(),
  types: z.array(z.string()),
  enabled: z.boolean(),
  disabled_reason: z.string().nullable().meta({
    description: "Why it was switched off by itself: it answered 410",
  }),
  previous_secret_until: time.nullable().meta({
    description: "Until when the secret before signs as well",
  }),
  created_at: time,
  updated_at: time,
};

/** An endpoint. Its secret is never shown again. */
export const endpointAnswer = z.object(fields).meta({ id: "WebhookEndpoint" });

/** An endpoint with what waits. */
export const endpointDetailAnswer = z.object({
  ...fields,
  waiting: count.meta({ description: "Events that are to be posted; counted to 100,000" }),
  given_up: count.meta({ description: "Events that were given up, likewise" }),
}).meta({ id: "WebhookEndpointDetail" });

/** An endpoint with a secret that is new. */
export const secretAnswer = z.object({
  ...fields,
  secret: z.string().meta({ description: "Signs what is posted; shown this once" }),
}).meta({ id: "WebhookEndpointWithSecret" });

/** All endpoints. */
export const endpointListAnswer = z.object({
  data: z.array(endpointAnswer),
  next_cursor: z.string().nullable(),
}).meta({ id: "WebhookEndpointList" });

/** What became of an event. */
export const deliveryAnswer = z.object({
  id,
  event_id: z.string(),
  status: z.enum(deliveryStatuses),
  attempts: count,
  attempted_at: time.nullable(),
  duration_ms: count.nullable(),
  status_code: z.int().nullable(),
  error: z.string().nullable().meta({ description: "Of the last try, if it failed" }),
  next_try_at: time.nullable(),
  created_at: time,
}).meta({ id: "WebhookDelivery" });

/** What was posted lately. */
export const deliveryListAnswer = z.object({
  data: z.array(deliveryAnswer),
  next_cursor: z.string().nullable(),
}).meta({ id: "WebhookDeliveryList" });

/** A test on its way. */
export const testAnswer = z.object({
  event_id: z.string().meta({ description: "The `webhook-id` that it comes with" }),
});

/** How many are posted again. */
export const retriedAnswer = z.object({ retried: count });

/** An endpoint as the API shows it. */
export function endpointJson(endpoint: WebhookEndpoint): z.input<typeof endpointAnswer> {
  return {
    id: endpoint.id,
    url: endpoint.url,
    description: endpoint.description,
    types: endpoint.types,
    enabled: endpoint.enabled,
    disabled_reason: endpoint.disabledReason,
    previous_secret_until: endpoint.previousUntil,
    created_at: endpoint.createdAt,
    updated_at: endpoint.updatedAt,
  };
}

/** What became of an event, as the API shows it. */
export function deliveryJson(delivery: ListedDelivery): z.input<typeof deliveryAnswer> {
  return {
    id: delivery.id,
    event_id: delivery.eventId,
    status: delivery.status,
    attempts: delivery.attempts,
    attempted_at: delivery.attemptedAt,
    duration_ms: delivery.durationMs,
    status_code: delivery.statusCode,
    error: delivery.error,
    next_try_at: delivery.nextTryAt,
    created_at: delivery.createdAt,
  };
}
