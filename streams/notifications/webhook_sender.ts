/**
 * Notifications as webhooks, after Standard Webhooks.
 *
 * @module
 */

import { noticeName } from "../../domain/notification/notice.ts";
import { noticeWebhook } from "../../domain/notification/notice_webhook.ts";
import type { NoticeSender } from "./notice_sender.ts";
import { postWebhook, type WebhookOptions } from "./post_webhook.ts";

/** Posts at once. */
const concurrency = 8;

/**
 * Makes a sender of webhooks. Only the address of the settings is ever called. Anything from 200 to 299 counts as
 * taken; 410 means that nothing more is wanted.
 *
 * The id of a webhook is the notification's own, the same for every try and every replay, so that a receiver
 * can drop what it has.
 */
export function webhookSender(options: WebhookOptions): NoticeSender {
  return {
    channel: "webhook",
    endpoint: options.url,
    concurrency,
    longestMs: options.timeoutMs,
    send: (notice) =>
      postWebhook(options, { id: noticeName(notice.id), body: noticeWebhook(notice) }),
    close: () => {},
  };
}
