/**
 * Examples for the OpenAPI document: endpoints of webhooks, and of what is posted to them.
 *
 * @module
 */

import type { z } from "zod";
import type {
  deliveryAnswer,
  deliveryListAnswer,
  endpointAnswer,
  endpointDetailAnswer,
  endpointListAnswer,
  retriedAnswer,
  secretAnswer,
  testAnswer,
} from "./endpoint_answers.ts";
import type { endpointBody, endpointChange } from "./endpoint_body.ts";

/** An endpoint as somebody may add it. */
export const newEndpoint = {
  url: "https://shop.example/hooks/orders",
  description: "Warehouse",
  types: ["order.reserved", "order.cancelled", "stock.*"],
} satisfies z.input<typeof endpointBody>;

/** What may be changed about it. */
export const changedEndpoint = {
  types: ["order.*", "refund.processed"],
  enabled: true,
} satisfies z.input<typeof endpointChange>;

/** An endpoint. */
export const webhookEndpoint = {
  id: 3,
  ...newEndpoint,
  enabled: true,
  disabled_reason: null,
  previous_secret_until: null,
  created_at: "2026-01-05T10:00:00.000000Z",
  updated_at: "2026-01-05T10:00:00.000000Z",
} satisfies z.input<typeof endpointAnswer>;

/** The same with its secret, the only time that it is shown. */
export const addedEndpoint = {
  ...webhookEndpoint,
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
} satisfies z.input<typeof secretAnswer>;

/** After the secret was replaced. */
export const rotatedEndpoint = {
  ...addedEndpoint,
  previous_secret_until: "2026-01-06T10:00:00.000000Z",
} satisfies z.input<typeof secretAnswer>;

/** With what waits. */
export const endpointDetail = {
  ...webhookEndpoint,
  waiting: 0,
  given_up: 2,
} satisfies z.input<typeof endpointDetailAnswer>;

/** All endpoints. */
export const endpointList = {
  data: [webhookEndpoint],
  next_cursor: null,
} satisfies z.input<typeof endpointListAnswer>;

/** What became of an event. */
const delivery = {
  id: 901,
  event_id: "evt_o1705-order-paid",
  status: "WAITING",
  attempts: 1,
  attempted_at: "2026-01-05T10:00:06.000000Z",
  duration_ms: 84,
  status_code: 503,
  error: "the endpoint answered 503",
  next_try_at: "2026-01-05T10:00:11.000000Z",
  created_at: "2026-01-05T10:00:05.900000Z",
} satisfies z.input<typeof deliveryAnswer>;

/** What was posted lately. */
export const deliveryList = {
  data: [delivery],
  next_cursor: null,
} satisfies z.input<typeof deliveryListAnswer>;

/** A test on its way. */
export const sentTest = { event_id: "evt_test-5f1c0e0d5b7a4c21" } satisfies z.input<
  typeof testAnswer
>;

/** What is posted again. */
export const retriedDeliveries = { retried: 2 } satisfies z.input<typeof retriedAnswer>;
