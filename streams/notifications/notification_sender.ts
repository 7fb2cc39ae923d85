/**
 * What sends notifications out of the process.
 *
 * @module
 */

import type { Notification } from "../../domain/notification/content.ts";
import type { OutwardChannel } from "../../domain/notification/notification.ts";

/** What a receiver made of one try. */
export interface SendResult {
  /** The HTTP status, or the code of the mail server's reply; null where there was none. */
  statusCode: number | null;
  /** What it said. */
  reply: string | null;
  /** Why it did not get through; null where it did. */
  error: string | null;
  /** Another try can't end otherwise. */
  permanent?: boolean;
  /** There is no address to send it to: nothing was tried. */
  lacksAddress?: true;
  /** How long the receiver wants to be left alone. */
  retryAfterMs?: number | null;
  /** The receiver wants nothing any more, whatever it is. */
  gone?: boolean;
}

/** Sends the notifications of one channel. */
export interface NotificationSender {
  channel: OutwardChannel;
  /** Which receiver is meant, where it may be switched off. */
  endpoint: string | null;
  /** Sends at once. */
  concurrency: number;
  /** Longest time that {@linkcode NotificationSender.send} takes, in milliseconds. */
  maxMs: number;
  /** Sends one notification; never throws. */
  send(notification: Notification): Promise<SendResult>;
  /** Ends what is open. */
  close(): void;
}
