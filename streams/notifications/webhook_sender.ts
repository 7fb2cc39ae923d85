/**
 * Notifications as webhooks, after Standard Webhooks.
 *
 * @module
 */

import { notificationName } from "../../domain/notification/content.ts";
import { notificationWebhook } from "../../domain/notification/webhook.ts";
import type { NotificationSender } from "./notification_sender.ts";
import { postWebhook, type WebhookOptions } from "./post_webhook.ts";

const concurrency = 8;

/**
 * Makes a sender of webhooks. Only the address of the settings is ever called. Anything from 200 to 299 counts as
 * taken; 410 means that nothing more is wanted.
 *
 * The id of a webhook is the notification's own, the same for every try and every replay, so that a receiver
 * can drop what it has.
 */
export function webhookSender(options: WebhookOptions): NotificationSender {
  return {
    channel: "webhook",
    endpoint: options.url,
    concurrency,
    maxMs: options.timeoutMs,
    send: (notification) =>
      postWebhook(options, {
        id: notificationName(notification.id),
        body: notificationWebhook(notification),
      }),
    close: () => {},
  };
}
