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

/** A page of the list. */
export interface ListedNotifications {
  notifications: ListedNotification[];
  /** Where the next page begins: ids below it; undefined where nothing more can follow. */
  nextBeforeId: number | undefined;
}

/** Ids that one page walks through at the most. */
const mostWalked = 100_000;

/**
 * Notifications from the newest down. Those of an order have an index, and those that are not sent the work list;
 * any other walks down the primary key. A page that found too little within `mostWalked` ids is short and says
 * where to go on.
 *
 * @param options.beforeId only ids below it; undefined for the start of the list
 * @param options.limit most rows
 */
export async function listNotifications(
  db: Queryable,
  filter: NotificationFilter,
  options: { beforeId: number | undefined; limit: number; mostWalked?: number },
): Promise<ListedNotifications> {
  const { limit } = options;
  const isUnsent = filter.success === false;
  const id = isUnsent ? "notification_deliveries.notification_log_id" : "notification_logs.id";
  const top = await highestBelow(db, id, options.beforeId ?? Number.MAX_SAFE_INTEGER);
  if (top === undefined) return { notifications: [], nextBeforeId: undefined };
  const least = filter.orderId !== undefined
    ? 0
    : Math.max(0, top + 1 - (options.mostWalked ?? mostWalked));
  const given = ([
    ["notification_logs.order_id = ?", filter.orderId],
    ["notification_logs.channel = ?", filter.channel],
    [
      "notification_logs.success = ?",
      filter.success === undefined ? undefined : Number(filter.success),
    ],
  ] satisfies [string, string | number | undefined][]).filter(([, value]) => value !== undefined);
  const tables = isUnsent
    ? `notification_deliveries force index (primary)
    straight_join notification_logs
      on notification_logs.id = notification_deliveries.notification_log_id`
    : `notification_logs force index (${
      filter.orderId === undefined ? "primary" : "notification_logs_once"
    })
    left join notification_deliveries
      on notification_deliveries.notification_log_id = notification_logs.id`;
  const rows = await db.query(
    `
    select ${columns}
    from ${tables}
    where ${id} <= ? and ${id} >= ? ${given.map(([sql]) => `and ${sql}`).join(" ")}
    order by ${id} desc
    limit ?`,
    [top, least, ...given.map(([, value]) => value!), limit + 1],
  );
  const notifications = rows.slice(0, limit).map(toListed);
  if (rows.length > limit) return { notifications, nextBeforeId: notifications.at(-1)!.id };
  const next = least === 0 ? undefined : await highestBelow(db, id, least);
  return { notifications, nextBeforeId: next === undefined ? undefined : next + 1 };
}

async function highestBelow(
  db: Queryable,
  column: "notification_deliveries.notification_log_id" | "notification_logs.id",
  below: number,
): Promise<number | undefined> {
  const [row] = await db.execute(
    `
    select ${column} as id
    from ${column.split(".")[0]}
    where ${column} < ?
    order by ${column} desc
    limit 1`,
    [below],
  );
  return row === undefined ? undefined : toInteger(row.id);
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
