/**
 * The channels of notifications, as the API and the dashboard show them.
 *
 * @module
 */

import {
  type DisabledEndpoint,
  readDisabledEndpoint,
} from "../../../db/notifications/disabled_endpoints.ts";
import {
  type ChannelBacklog,
  countDeliveries,
} from "../../../db/notifications/notification_queries.ts";
import type { Queryable } from "../../../db/connection/database.ts";
import type { Config } from "../../../config/config.ts";
import {
  type NotificationChannel,
  notificationChannels,
} from "../../../domain/notification/notification.ts";

type ChannelSettings = Pick<Config, "notifyChannels" | "notifyWebhookUrl">;

/** A channel: what waits in it, and since when and why its receiver wants nothing any more. */
export interface ChannelState extends Omit<ChannelBacklog, "channel"> {
  channel: NotificationChannel;
  /** It is one of `NOTIFY_CHANNELS`. */
  configured: boolean;
  /** Of the webhook only; undefined where it is not switched off. */
  disabled: DisabledEndpoint | undefined;
}

/** Every channel, configured or not. */
export async function readChannels(
  db: Queryable,
  { notifyChannels, notifyWebhookUrl: url }: ChannelSettings,
): Promise<ChannelState[]> {
  const counts = await countDeliveries(db);
  const disabled = url === "" ? undefined : await readDisabledEndpoint(db, url);
  return notificationChannels.map((channel) => ({
    waiting: 0,
    givenUp: 0,
    oldestDueAt: null,
    ...counts.find((count) => count.channel === channel),
    channel,
    configured: notifyChannels.includes(channel),
    disabled: channel === "webhook" ? disabled : undefined,
  }));
}
