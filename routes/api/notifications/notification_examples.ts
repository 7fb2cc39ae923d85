/**
 * Examples for the OpenAPI document: notifications and their channels.
 *
 * @module
 */

import type { z } from "zod";
import type {
  channelAnswer,
  channelsAnswer,
  notificationAnswer,
  notificationDetailAnswer,
  notificationListAnswer,
} from "./notification_answers.ts";

/** A notification. */
export const toldNotification = {
  id: 9,
  order_id: 42,
  refund_id: null,
  event: "order.paid",
  channel: "webhook",
  status: "PAID",
  total_cents: 2_500,
  payload: { order_id: 42, external_order_id: "web-1", total_cents: 2_500, currency: "EUR" },
  success: true,
  error: null,
  state: "sent",
  next_try_at: null,
  sent_at: "2026-01-05T10:00:04.310002Z",
  created_at: "2026-01-05T10:00:03.298113Z",
} satisfies z.input<typeof notificationAnswer>;

/** A notification with its one try. */
export const notificationDetail = {
  ...toldNotification,
  attempts: [{
    at: "2026-01-05T10:00:04.310002Z",
    duration_ms: 41,
    success: true,
    status_code: 204,
    reply: null,
    error: null,
  }],
} satisfies z.input<typeof notificationDetailAnswer>;

/** A page of notifications, which is the last. */
export const notificationList = {
  data: [toldNotification],
  next_cursor: null,
} satisfies z.input<typeof notificationListAnswer>;

/** A notification that is to be sent again. */
export const replayedNotification = {
  ...toldNotification,
  success: false,
  state: "waiting",
  next_try_at: "2026-01-05T11:15:00.000000Z",
  sent_at: null,
} satisfies z.input<typeof notificationAnswer>;

/** A channel that works. */
export const channel = {
  channel: "webhook",
  configured: true,
  waiting: 0,
  given_up: 0,
  oldest_due_at: null,
  disabled_at: null,
  disabled_reason: null,
} satisfies z.input<typeof channelAnswer>;

/** All channels. */
export const channels = {
  channels: [
    { ...channel, channel: "log" },
    { ...channel, channel: "email", configured: false },
    {
      ...channel,
      waiting: 3,
      oldest_due_at: "2026-01-05T11:15:00.000000Z",
      disabled_at: "2026-01-05T11:14:30.118200Z",
      disabled_reason: "the endpoint answered 410",
    },
  ],
} satisfies z.input<typeof channelsAnswer>;
