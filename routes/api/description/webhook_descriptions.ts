/**
 * The webhooks of the OpenAPI document: what is posted to others, and how they answer.
 *
 * @module
 */

import { z } from "zod";
import { eventTypeNames, eventTypes } from "../../../domain/feed/event_types.ts";
import { orderEventAnswer, stockEventAnswer } from "../events/event_answers.ts";
import { events } from "../events/event_examples.ts";
import { time } from "./schema_parts.ts";

/** A test of an endpoint. */
const testWebhook = z.object({
  id: z.string(),
  type: z.literal("webhook.test"),
  timestamp: time,
  sequence: z.literal(0),
  data: z.object({ endpoint_id: z.int().min(1) }),
});

/** What an endpoint of `NOTIFY_WEBHOOK_URL` is told, in short; the typed client has all of it. */
const notificationWebhook = z.looseObject({
  type: z.enum([
    "order.paid",
    "order.failed",
    "order.cancelled",
    "refund.processed",
    "refund.failed",
  ]),
  timestamp: time,
  data: z.looseObject({
    notification_id: z.int().min(1),
    order_id: z.int().min(1),
    external_order_id: z.string(),
    customer_id: z.string().nullable(),
    refund_id: z.int().nullable(),
    status: z.string(),
    failure_reason: z.string().nullable(),
    currency: z.string(),
    amount_cents: z.int(),
    total_cents: z.int(),
  }),
});

/** What an endpoint of `ALERT_WEBHOOK_URL` is told. */
const alertWebhook = z.object({
  type: z.enum(["alert.raised", "alert.resolved"]),
  timestamp: time,
  data: z.object({
    name: z.string(),
    severity: z.enum(["warning", "critical"]),
    title: z.string(),
    detail: z.string(),
    since: time,
    raised_at: time.nullable(),
    resolved_at: time.nullable(),
  }),
});

const notificationExample = {
  type: "order.paid",
  timestamp: "2026-01-05T10:00:03.120000Z",
  data: {
    notification_id: 17,
    order_id: 42,
    external_order_id: "web-1",
    customer_id: "C-1",
    refund_id: null,
    status: "PAID",
    failure_reason: null,
    currency: "EUR",
    amount_cents: 2_500,
    total_cents: 2_500,
  },
};

const alertExample = {
  type: "alert.raised",
  timestamp: "2026-01-05T10:00:00.000000Z",
  data: {
    name: "backlog",
    severity: "warning",
    title: "Messages wait",
    detail: "1,942 messages wait in payments",
    since: "2026-01-05T09:58:00.000000Z",
    raised_at: "2026-01-05T10:00:00.000000Z",
    resolved_at: null,
  },
};

/** What every webhook comes with. */
const headers = [
  ["webhook-id", "The same for every try: drop what you have handled", "evt_o1705-order-paid"],
  ["webhook-timestamp", "When this try was sent, seconds since 1970", "1767607203"],
  [
    "webhook-signature",
    "`v1,` and the signature in base64 over id, time and body; several, parted by spaces, while a secret is being replaced",
    "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
  ],
] as const;

interface Described {
  summary: string;
  schema: z.ZodType;
  example: unknown;
}

function described({ summary, schema, example }: Described) {
  return {
    post: {
      summary,
      tags: ["Events"],
      security: [],
      parameters: headers.map(([name, description, example]) => ({
        in: "header",
        name,
        description,
        required: true,
        schema: { type: "string" },
        example,
      })),
      requestBody: {
        required: true,
        content: {
          "application/json": { schema: jsonSchemaOf(schema), example },
        },
      },
      responses: {
        "2XX": { description: "It was taken" },
        "410": { description: "Nothing is wanted any more: the endpoint is switched off" },
        default: { description: "It is tried again, for a day" },
      },
    },
  };
}

/** On its own: the document's components are those of the routes. */
function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { reused: "inline", io: "output" });
  return rest;
}

/** Every webhook, by a name: one for each type of event, as far as endpoints choose them. */
export function webhookDescriptions(): Record<string, unknown> {
  const ofEvents = eventTypeNames.map((type) => {
    const isOfStock = type.startsWith("stock.");
    const schema = isOfStock ? stockEventAnswer : orderEventAnswer;
    return [
      type,
      described({
        summary: `To endpoints of /webhook-endpoints: ${eventTypes[type]}`,
        schema: schema.extend({ type: z.literal(type) }),
        example: { ...(isOfStock ? events.received : events.paid), type },
      }),
    ];
  });
  return Object.fromEntries([
    ...ofEvents,
    [
      "webhook.test",
      described({
        summary: "To an endpoint of /webhook-endpoints: a test",
        schema: testWebhook,
        example: {
          id: "evt_test-5f1c0e0d5b7a4c21",
          type: "webhook.test",
          timestamp: "2026-01-05T10:00:00.000000Z",
          sequence: 0,
          data: { endpoint_id: 3 },
        },
      }),
    ],
    [
      "notification",
      described({
        summary: "To NOTIFY_WEBHOOK_URL: how an order or a refund ended, with its items",
        schema: notificationWebhook,
        example: notificationExample,
      }),
    ],
    [
      "alert",
      described({
        summary: "To ALERT_WEBHOOK_URL: something is wrong, or no more",
        schema: alertWebhook,
        example: alertExample,
      }),
    ],
  ]);
}
