/**
 * What became of a notification, in words that claim no more than is known.
 *
 * @module
 */

import type { NotificationState } from "../../domain/notification/notification.ts";

/** What channels that leave the process are called. */
const names: Readonly<Record<string, string>> = { email: "E-mail", webhook: "Webhook" };

/**
 * "Written to the log" or "E-mail sent": a line of the log has told nobody, and an e-mail that a server took
 * was read by nobody yet.
 */
export function notificationWords(channel: string, state: NotificationState): string {
  const name = names[channel] ?? channel;
  switch (state) {
    case "logged":
      return "Written to the log";
    case "sent":
      return `${name} sent`;
    case "waiting":
      return `${name} waits`;
    case "given_up":
      return `${name} given up`;
    case "no_address":
      return "No e-mail address";
  }
}
