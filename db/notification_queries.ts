/**
 * Notifications as readers want to see them.
 *
 * @module
 */

import type { NoticeChannel } from "../domain/notification.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "./database.ts";

/** What became of a notification: a replay waits although it was sent before. */
export type NotificationState = "sent" | "waiting" | "given_up";

/** A notification with what is to become of it. Times are ISO 8601 UTC. */
export interface ListedNotification {
  id: number;
  orderId: number;
  refundId: number | null;
  event: string;
  channel: NoticeChannel;
  /** Of the order, when it was written. */
  status: string;
  totalCents: number;
  payload: unknown;
  success: boolean;
  /** Of the last try, where it did not get through. */
  error: string | null;
  state: NotificationState;
  nextTryAt: string | null;
  sentAt: string | null;
  createdAt: string;
}

/** One try, as it is kept. */
export interface ListedAttempt {
  at: string;
  durationMs: number;
  success: boolean;
  statusCode: number | null;
  reply: string | null;
  error: string | null;
}

/** Which notifications a list holds; what is undefined does not matter. */
export interface NotificationFilter {
  orderId?: number;
  channel?: NoticeChannel;
  success?: boolean;
}

/** Most tries of one notification that {@linkcode readAttempts} reads: the latest. */
const mostAttempts = 200;

const columns = `
  notification_logs.id, notification_logs.order_id, notification_logs.refund_id,
  notification_logs.event, notification_logs.channel, notification_logs.status,
  notification_logs.total_cents, cast(notification_logs.payload as char) as payload,
  notification_logs.success, notification_logs.error, notification_logs.sent_at,
  notification_logs.created_at, notification_deliveries.due_at`;

/**
 * Notifications from the newest id down. An order's are found by their key, and those that were not sent by
 * the work list, on which all of them stand; anything else walks down the primary key.
 *
 * @param options.beforeId only ids below it; undefined for the start of the list
 */
export async function listNotifications(
  db: Queryable,
  filter: NotificationFilter,
  options: { beforeId: number | undefined; limit: number },
): Promise<ListedNotification[]> {
  const unsent = filter.success === false;
  const id = unsent ? "notification_deliveries.notification_log_id" : "notification_logs.id";
  const conditions: [sql: string, value: string | number][] = [
    [`${id} < ?`, options.beforeId ?? Number.MAX_SAFE_INTEGER],
  ];
  if (filter.orderId !== undefined) {
    conditions.push(["notification_logs.order_id = ?", filter.orderId]);
  }
  if (filter.channel !== undefined) {
    conditions.push(["notification_logs.channel = ?", filter.channel]);
  }
  if (filter.success !== undefined) {
    conditions.push(["notification_logs.success = ?", filter.success ? 1 : 0]);
  }
  const tables = unsent
    ? `notification_deliveries
    straight_join notification_logs
      on notification_logs.id = notification_deliveries.notification_log_id`
    : `notification_logs
    left join notification_deliveries
      on notification_deliveries.notification_log_id = notification_logs.id`;
  const rows = await db.query(
    `
    select ${columns}
    from ${tables}
    where ${conditions.map(([sql]) => sql).join(" and ")}
    order by ${id} desc
    limit ?`,
    [...conditions.map(([, value]) => value), options.limit],
  );
  return rows.map(toListed);
}

/** One notification, or undefined where there is none. */
export async function readNotification(
  db: Queryable,
  id: number,
): Promise<ListedNotification | undefined> {
  const [row] = await db.execute(
    `
    select ${columns}
    from notification_logs
    left join notification_deliveries
      on notification_deliveries.notification_log_id = notification_logs.id
    where notification_logs.id = ?`,
    [id],
  );
  return row === undefined ? undefined : toListed(row);
}

/** The latest tries of a notification, the first of them first. */
export async function readAttempts(db: Queryable, id: number): Promise<ListedAttempt[]> {
  const rows = await db.execute(
    `
    select attempted_at, duration_ms, success, status_code, reply, error
    from notification_attempts
    where notification_log_id = ?
    order by id desc
    limit ${mostAttempts}`,
    [id],
  );
  return rows.reverse().map((row) => ({
    at: toIsoTime(row.attempted_at)!,
    durationMs: toInteger(row.duration_ms),
    success: toInteger(row.success) === 1,
    statusCode: row.status_code === null ? null : toInteger(row.status_code),
    reply: row.reply as string | null,
    error: row.error as string | null,
  }));
}

/** How much of a channel is still to be sent. */
export interface ChannelBacklog {
  channel: string;
  /** To be sent now or later. */
  waiting: number;
  /** Not sent, and not tried any more. */
  givenUp: number;
  /** When the one that waits for the longest is or was due, ISO 8601 UTC. */
  oldestDueAt: string | null;
}

/** What is on the work list, by channel; a channel of which nothing is there is absent. */
export async function countDeliveries(db: Queryable): Promise<ChannelBacklog[]> {
  const rows = await db.query(`
    select channel, count(due_at) as waiting, count(*) - count(due_at) as given_up,
      min(due_at) as oldest
    from notification_deliveries
    group by channel`);
  return rows.map((row) => ({
    channel: String(row.channel),
    waiting: toInteger(row.waiting),
    givenUp: toInteger(row.given_up),
    oldestDueAt: toIsoTime(row.oldest),
  }));
}

function toListed(row: Row): ListedNotification {
  const success = toInteger(row.success) === 1;
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    event: String(row.event),
    channel: row.channel as NoticeChannel,
    status: String(row.status),
    totalCents: toInteger(row.total_cents),
    payload: JSON.parse(String(row.payload)),
    success,
    error: row.error as string | null,
    state: row.due_at !== null ? "waiting" : success ? "sent" : "given_up",
    nextTryAt: toIsoTime(row.due_at),
    sentAt: toIsoTime(row.sent_at),
    createdAt: toIsoTime(row.created_at)!,
  };
}
