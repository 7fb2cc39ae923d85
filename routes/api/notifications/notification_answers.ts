/**
 * What the API answers about notifications, as schemas.
 *
 * @module
 */

import { z } from "zod";
import { maxCounted } from "../../../domain/bounded_count.ts";
import {
  notificationChannels,
  notificationStates,
} from "../../../domain/notification/notification.ts";

const id = z.int().min(1);
const count = z.int().min(0);
const time = z.string().meta({ format: "date-time", description: "ISO 8601 in UTC" });

const fields = {
  id,
  order_id: id,
  refund_id: id.nullable(),
  event: z.string().meta({ examples: ["order.paid", "refund.processed:17"] }),
  channel: z.enum(notificationChannels),
  status: z.string(),
  total_cents: z.int().min(0),
  payload: z.unknown(),
  success: z.boolean(),
  error: z.string().nullable().meta({ description: "Of the last try, if it failed" }),
  state: z.enum(notificationStates).meta({
    description: "`logged` is a row of the history alone, of which nobody has heard",
  }),
  next_try_at: time.nullable(),
  sent_at: time.nullable(),
  created_at: time,
};

export const notificationAnswer = z.object(fields).meta({ id: "Notification" });

/** A notification with its tries. */
export const notificationDetailAnswer = z.object({
  ...fields,
  attempts: z.array(z.object({
    at: time,
    duration_ms: count,
    success: z.boolean(),
    status_code: z.int().nullable()
      .meta({ description: "The HTTP status, or the code of the mail server's reply" }),
    reply: z.string().nullable().meta({ description: "What the receiver said" }),
    error: z.string().nullable(),
  })),
}).meta({ id: "NotificationDetail" });

/** A page of notifications. */
export const notificationListAnswer = z.object({
  data: z.array(notificationAnswer),
  next_cursor: z.string().nullable(),
}).meta({ id: "NotificationList" });

export const channelAnswer = z.object({
  channel: z.enum(notificationChannels),
  configured: z.boolean(),
  waiting: count.meta({ description: `Counted up to ${maxCounted}` }),
  given_up: count.meta({ description: `Counted up to ${maxCounted}` }),
  oldest_due_at: time.nullable(),
  disabled_at: time.nullable()
    .meta({ description: "When the endpoint said that it wants nothing any more" }),
  disabled_reason: z.string().nullable(),
}).meta({ id: "NotificationChannel" });

export const channelsAnswer = z.object({ channels: z.array(channelAnswer) })
  .meta({ id: "NotificationChannels" });
