/**
 * Sends the notifications that leave the process, beside everything else.
 *
 * @module
 */

import {
  disableEndpoint,
  readDisabledEndpoint,
} from "../../db/notifications/disabled_endpoints.ts";
import type { Database } from "../../db/connection/database.ts";
import {
  type Attempt,
  claimDeliveries,
  type ClaimedNotification,
  releaseDeliveries,
  settleDeliveries,
} from "../../db/notifications/notification_deliveries.ts";
import type { Config } from "../../config/config.ts";
import { decideNextTry } from "../../domain/notification/delivery.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { notificationName } from "../../domain/notification/content.ts";
import { concurrently } from "../timing/concurrently.ts";
import type { NotificationSender, SendResult } from "./notification_sender.ts";
import { pause } from "../timing/pause.ts";
import { webhookSender } from "./webhook_sender.ts";

/** What sending works with. */
export interface DeliverDeps {
  db: Database;
  log: Log;
}

/** Notifications that are taken at once, for each that is sent at once. */
const sendsEach = 4;

/** A lease outlives the longest sending of all that was taken by this, in milliseconds. */
const leaseReserveMs = 15_000;

/** How often the list is looked at where nothing is due, in milliseconds. */
const pollMs = 500;

/** Wait after an error of our own, in milliseconds. */
const errorPauseMs = 5_000;

/** What one turn did. */
export interface DeliveryTurn {
  /** Taken from the list. */
  claimed: number;
  sent: number;
  /** Did not; will be tried again, or were given up. */
  failed: number;
}

/**
 * The senders of the channels that the settings name; the mail library is loaded only where it is needed. They read
 * secrets from the settings at each use, because these may be replaced.
 */
export async function openSenders(
  config: Pick<
    Config,
    | "notifyChannels"
    | "notifyFrom"
    | "smtpUrl"
    | "notifyWebhookUrl"
    | "notifyWebhookSecrets"
    | "notifyTimeoutMs"
  >,
): Promise<NotificationSender[]> {
  const timeoutMs = config.notifyTimeoutMs;
  const senders: NotificationSender[] = [];
  if (config.notifyChannels.includes("email")) {
    const { emailSender } = await import("./email_sender.ts");
    senders.push(emailSender({
      get smtpUrl() {
        return config.smtpUrl;
      },
      from: config.notifyFrom,
      timeoutMs,
    }));
  }
  if (config.notifyChannels.includes("webhook")) {
    senders.push(webhookSender({
      url: config.notifyWebhookUrl,
      get secrets() {
        return config.notifyWebhookSecrets;
      },
      timeoutMs,
    }));
  }
  return senders;
}

/**
 * Sends until the signal aborts, each channel by itself: a receiver that is slow or dead holds up its own
 * channel only. With `finish`, what is due is then still sent, unless that signal aborts as well.
 *
 * Nothing is held while something is sent, neither a connection nor a lock; a crash leaves leases that end.
 */
export async function deliverNotifications(
  deps: DeliverDeps,
  senders: readonly NotificationSender[],
  signal: AbortSignal,
  finish?: AbortSignal,
): Promise<void> {
  await Promise.all(senders.map(async (sender) => {
    try {
      await keepSending(deps, sender, signal);
      if (finish !== undefined) await sendAllDue(deps, sender, finish);
    } finally {
      sender.close();
    }
  }));
}

async function keepSending(
  deps: DeliverDeps,
  sender: NotificationSender,
  signal: AbortSignal,
): Promise<void> {
  const { log } = deps;
  const { channel } = sender;
  let failing = false;
  while (!signal.aborted) {
    try {
      const { claimed, sent, failed } = await deliverOnce(deps, sender, { signal });
      // Once for each change, however much fails.
      if (sent > 0 && failing) log.info("notifications get through again", { channel });
      if (failed > 0 && sent === 0 && !failing) log.warn("notifications fail", { channel, failed });
      if (sent + failed > 0) failing = sent === 0;
      if (claimed < batchOf(sender)) await pause(pollMs, signal);
    } catch (error) {
      log.warn("sending failed", { channel, error: messageOf(error) });
      await pause(errorPauseMs, signal);
    }
  }
}

async function sendAllDue(
  deps: DeliverDeps,
  sender: NotificationSender,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const { sent, failed } = await deliverOnce(deps, sender, { signal });
    if (sent + failed === 0) return;
  }
}

function batchOf(sender: NotificationSender): number {
  return sender.concurrency * sendsEach;
}

/**
 * One turn of a channel: takes what is due, sends it, several at once, and writes down what became of it as
 * soon as it is known.
 *
 * Sending comes before writing it down, so a crash between the two sends again, under the same id; the lease
 * says when. An endpoint that is switched off gets nothing, and one that answers 410 is switched off.
 *
 * @param options.signal what was taken and is not being sent when it aborts is given back
 */
export async function deliverOnce(
  deps: DeliverDeps,
  sender: NotificationSender,
  { signal }: { signal?: AbortSignal } = {},
): Promise<DeliveryTurn> {
  const { db } = deps;
  const { channel, endpoint } = sender;
  const turn: DeliveryTurn = { claimed: 0, sent: 0, failed: 0 };
  if (endpoint !== null && await readDisabledEndpoint(db, endpoint) !== undefined) return turn;

  const claim = crypto.randomUUID().replaceAll("-", "");
  const lease = leaseFor(sender);
  const limit = batchOf(sender);
  const notifications = await claimDeliveries(db, channel, { claim, limit, leaseMs: lease.ms });
  turn.claimed = notifications.length;
  if (notifications.length === 0) return turn;

  const untried = new Set(notifications.map(({ id }) => id));
  const writer = gatherAttempts(db, claim);
  let gone = false;
  const isOver = () => gone || signal?.aborted === true || lease.isTooLate();
  const send = async (notification: ClaimedNotification) => {
    untried.delete(notification.id);
    const startedAt = performance.now();
    const result = await sender.send(notification);
    const durationMs = performance.now() - startedAt;
    if (result.gone === true && endpoint !== null && !gone) {
      gone = true;
      await switchOff(deps, endpoint, result);
    }
    if (result.error === null) turn.sent++;
    else if (!result.lacksAddress) turn.failed++;
    await writer.add({ ...attemptOf(deps, channel, notification, result), startedAt, durationMs });
  };
  // Those of one order one after the other: at once, the last might be there first.
  const byOrder = Map.groupBy(notifications, ({ orderId }) => orderId);
  try {
    await concurrently(byOrder.values(), sender.concurrency, async (ofOrder) => {
      for (const notification of ofOrder) if (!isOver()) await send(notification);
    });
  } finally {
    await releaseDeliveries(db, claim, [...untried]);
  }
  return turn;
}

/** A lease on notifications, counted from now. */
function leaseFor({ maxMs }: NotificationSender): { ms: number; isTooLate(): boolean } {
  const ms = sendsEach * maxMs + leaseReserveMs;
  // Whoever begins later might still be sending when the lease ends.
  const startMs = ms - maxMs - leaseReserveMs / 3;
  const takenAt = performance.now();
  const takenAtMs = Date.now();
  return {
    ms,
    // The one clock stands still while the machine sleeps, the other may be set.
    isTooLate: () => performance.now() > takenAt + startMs || Date.now() > takenAtMs + startMs,
  };
}

async function switchOff(
  { db, log }: DeliverDeps,
  endpoint: string,
  { error }: SendResult,
): Promise<void> {
  await disableEndpoint(db, endpoint, error ?? "410");
  log.error("webhook endpoint disabled", { origin: new URL(endpoint).origin });
}

/** What became of a notification, and when it is tried again. */
function attemptOf(
  { log }: DeliverDeps,
  channel: string,
  notification: ClaimedNotification,
  result: SendResult,
): Omit<TimedAttempt, "startedAt" | "durationMs"> {
  const { statusCode, reply, error, lacksAddress } = result;
  const nextMs = nextTryOf(notification, result);
  if (error !== null && nextMs === null && !lacksAddress) {
    log.warn("notification given up", {
      notification: notificationName(notification.id),
      order_id: notification.orderId,
      channel,
      attempt: notification.attempts + 1,
      status_code: statusCode,
    });
  }
  return { notificationId: notification.id, statusCode, reply, error, nextMs, lacksAddress };
}

function nextTryOf(notification: ClaimedNotification, result: SendResult): number | null {
  if (result.error === null) return null;
  // Not its fault: it waits, due at once, until somebody switches the endpoint on again.
  if (result.gone === true) return 0;
  return decideNextTry({
    failures: notification.attempts + 1,
    permanent: result.permanent ?? false,
    retryAfterMs: result.retryAfterMs ?? null,
  }, Math.random());
}

/** A try whose beginning is known by the process's own clock. */
type TimedAttempt = Omit<Attempt, "agoMs"> & { startedAt: number };

/** Writes tries down together: those that end while others are being written are written next. */
function gatherAttempts(db: Database, claim: string) {
  let waiting: TimedAttempt[] = [];
  let writing: Promise<void> | undefined;
  const write = async () => {
    while (waiting.length > 0) {
      const attempts = waiting;
      waiting = [];
      const now = performance.now();
      await settleDeliveries(
        db,
        claim,
        attempts.map(({ startedAt, ...attempt }) => ({ ...attempt, agoMs: now - startedAt })),
      );
    }
  };
  return {
    /** Ends when this try is written down. */
    add: async (attempt: TimedAttempt): Promise<void> => {
      waiting.push(attempt);
      do await (writing ??= write().finally(() => writing = undefined)); while (
        waiting.includes(attempt)
      );
    },
  };
}
