/**
 * Notifications as the API and the dashboard deal with them: their channels, and sending again.
 *
 * @module
 */

import {
  type DisabledEndpoint,
  enableEndpoint,
  readDisabledEndpoint,
} from "../../../db/notifications/disabled_endpoints.ts";
import { replayDelivery } from "../../../db/notifications/notification_deliveries.ts";
import {
  type ChannelBacklog,
  countDeliveries,
} from "../../../db/notifications/notification_queries.ts";
import type { Queryable } from "../../../db/connection/database.ts";
import type { Config } from "../../../config/config.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { type NoticeChannel, noticeChannels } from "../../../domain/notification/notification.ts";

type Settings = Pick<Config, "notifyChannels" | "notifyWebhookUrl">;

/** A channel: what waits in it, and since when and why its receiver wants nothing any more. */
export interface ChannelState extends Omit<ChannelBacklog, "channel"> {
  channel: NoticeChannel;
  /** It is one of `NOTIFY_CHANNELS`. */
  configured: boolean;
  /** Of the webhook only; undefined where it is not switched off. */
  disabled: DisabledEndpoint | undefined;
}

/** Every channel, configured or not. */
export async function readChannels(
  db: Queryable,
  { notifyChannels, notifyWebhookUrl: url }: Settings,
): Promise<ChannelState[]> {
  const counts = await countDeliveries(db);
  const disabled = url === "" ? undefined : await readDisabledEndpoint(db, url);
  return noticeChannels.map((channel) => ({
    waiting: 0,
    givenUp: 0,
    oldestDueAt: null,
    ...counts.find((count) => count.channel === channel),
    channel,
    configured: notifyChannels.includes(channel),
    disabled: channel === "webhook" ? disabled : undefined,
  }));
}

/**
 * Switches the webhook's endpoint on again; what waited for it is then sent.
 *
 * @throws {WorkflowError} `channel_not_configured`
 */
export async function enableWebhook(tx: Queryable, { notifyWebhookUrl }: Settings): Promise<void> {
  if (notifyWebhookUrl === "") {
    throw new WorkflowError(
      "channel_not_configured",
      "Cannot enable webhook: NOTIFY_WEBHOOK_URL is not set",
    );
  }
  await enableEndpoint(tx, notifyWebhookUrl);
}

/**
 * Has a notification sent again, whatever became of it.
 *
 * @param actor for the order's timeline
 * @throws {WorkflowError} `not_found`, or `notification_not_replayable`
 */
export async function replayNotification(tx: Queryable, id: number, actor: string): Promise<void> {
  const refuse = (why: string) =>
    new WorkflowError(
      "notification_not_replayable",
      `Cannot send notification ${id} again: ${why}`,
    );
  const { kind } = await replayDelivery(tx, id, actor);
  switch (kind) {
    case "queued":
      return;
    case "not_found":
      throw new WorkflowError("not_found", `There is no notification ${id}`);
    case "only_logged":
      throw refuse("it was only ever written to the log");
    case "being_sent":
      throw refuse("it is being sent at this moment");
  }
}
