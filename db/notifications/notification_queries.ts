/**
 * Notifications as readers want to see them.
 *
 * @module
 */

import { maxCounted } from "../../domain/bounded_count.ts";
import {
  type NotificationChannel,
  type NotificationState,
  notificationState,
  type OutwardChannel,
  outwardChannels,
} from "../../domain/notification/notification.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type BoundedPageRequest, readBoundedPage } from "../connection/bounded_page.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";

/** A notification with what is to become of it. Times are ISO 8601 UTC. */
export interface ListedNotification {
  id: number;
  orderId: number;
  refundId: number | null;
  event: string;
  channel: NotificationChannel;
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
  channel?: NotificationChannel;
  success?: boolean;
  /** True for what is tried again, false for what was given up; only of what is not sent. */
  waiting?: boolean;
}

/** Most tries of one notification that {@linkcode readAttempts} reads: the latest. */
const maxAttempts = 200;

const columns = `
  notification_logs.id, notification_logs.order_id, notification_logs.refund_id,
  notification_logs.event, notification_logs.channel, notification_logs.status,
  notification_logs.total_cents, cast(notification_logs.payload as char) as payload,
  notification_logs.success, notification_logs.error, notification_logs.sent_at,
  notification_logs.created_at, notification_logs.no_address, notification_deliveries.due_at`;

/** A page of the list. */
export interface ListedNotifications {
  notifications: ListedNotification[];
  /** Where the next page begins: ids below it; undefined where nothing more can follow. */
  nextBeforeId: number | undefined;
}

/**
 * Notifications from the newest down. Those of an order have an index, and those that are not sent the work list;
 * any other walks down the primary key, a bounded piece for a page. Those of archived orders are in the lists of their
 * orders alone.
 */
export async function listNotifications(
  db: Queryable,
  filter: NotificationFilter,
  request: BoundedPageRequest,
): Promise<ListedNotifications> {
  const { orderId, channel, success, waiting } = filter;
  const given = ([
    ["notification_logs.order_id = ?", orderId],
    ["notification_logs.channel = ?", channel],
    ["notification_logs.success = ?", success === undefined ? undefined : Number(success)],
    [
      "(notification_deliveries.due_at is not null) = ?",
      waiting === undefined ? undefined : Number(waiting),
    ],
  ] satisfies [string, string | number | undefined][]).filter(([, value]) => value !== undefined);
  const isOfOrder = orderId !== undefined;
  const onWorkList = success === false && !isOfOrder;
  const [table, id] = onWorkList
    ? ["notification_deliveries", "notification_log_id"] as const
    : ["notification_logs", "id"] as const;
  const tables = onWorkList
    ? `notification_deliveries force index (primary)
      straight_join notification_logs
        on notification_logs.id = notification_deliveries.notification_log_id`
    : `notification_logs force index (${isOfOrder ? "notification_logs_once" : "primary"})
      left join notification_deliveries
        on notification_deliveries.notification_log_id = notification_logs.id`;
  const { items: notifications, nextBeforeId } = await readBoundedPage(
    db,
    { table, id, isIndexed: isOfOrder },
    request,
    async ({ top, least: min, limit }) => {
      const sql = `
        select ${columns}
        from ${tables}
        where ${table}.${id} <= ? and ${table}.${id} >= ? ${
        given.map(([sql]) => `and ${sql}`).join(" ")
      }
        order by ${table}.${id} desc
        limit ?`;
      const values = [top, min, ...given.map(([, value]) => value!), limit];
      const rows = isOfOrder
        ? await readEverywhere(db, sql, values, "order by id desc")
        : await db.query(sql, values);
      return rows.map(toListed);
    },
  );
  return { notifications, nextBeforeId };
}

/** The notifications of an order, the oldest first, at most `limit`. */
export async function readNotificationsOf(
  db: Queryable,
  orderId: number,
  limit: number,
): Promise<ListedNotification[]> {
  const rows = await readEverywhere(
    db,
    `
    select ${columns}
    from notification_logs force index (notification_logs_once)
    left join notification_deliveries
      on notification_deliveries.notification_log_id = notification_logs.id
    where notification_logs.order_id = ?
    order by notification_logs.id
    limit ${limit}`,
    [orderId],
    "order by id",
  );
  return rows.map(toListed);
}

/** One notification, or undefined where there is none. */
export async function readNotification(
  db: Queryable,
  id: number,
): Promise<ListedNotification | undefined> {
  const [row] = await readEverywhere(
    db,
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
  const rows = await readEverywhere(
    db,
    `
    select id, attempted_at, duration_ms, success, status_code, reply, error
    from notification_attempts
    where notification_log_id = ?
    order by id desc
    limit ${maxAttempts}`,
    [id],
    "order by id desc",
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
  channel: OutwardChannel;
  /** To be sent now or later; counted up to a limit. */
  waiting: number;
  /** Not sent, and not tried any more; counted up to a limit. */
  givenUp: number;
  /** When the one that waits for the longest is or was due, ISO 8601 UTC; null where none waits. */
  oldestDueAt: string | null;
}

/**
 * What is on the work list of each channel. Both numbers end at `most`, because an endpoint that is away for a
 * day may have a million behind it, and somebody looks at them all the time.
 */
export async function countDeliveries(
  db: Queryable,
  max: number = maxCounted,
): Promise<ChannelBacklog[]> {
  const counted = (condition: string) => `
      (select count(*)
       from (
         select 1
         from notification_deliveries force index (notification_deliveries_due)
         where channel = ? and ${condition}
         limit ?
       ) found)`;
  const rows = await db.query(
    outwardChannels.map(() => `
    select ? as channel, ${counted("due_at is not null")} as waiting, ${
      counted("due_at is null")
    } as given_up,
      (select min(due_at) from notification_deliveries where channel = ?) as oldest`).join(
      " union all ",
    ),
    outwardChannels.flatMap((channel) => [channel, channel, max, channel, max, channel]),
  );
  return rows.map((row) => ({
    channel: row.channel as OutwardChannel,
    waiting: toInteger(row.waiting),
    givenUp: toInteger(row.given_up),
    oldestDueAt: toIsoTime(row.oldest),
  }));
}

/** Given up ones of a channel that are looked at: the latest. */
const maxGivenUp = 1_000;

/** How many notifications were given up in the last hours, by channel; those that have none are left out. */
export async function countGivenUp(
  db: Queryable,
  hours: number,
): Promise<{ channel: OutwardChannel; count: number }[]> {
  const rows = await db.query(
    outwardChannels.map(() => `
    select ? as channel, count(*) as given_up
    from (
      select updated_at
      from notification_deliveries force index (notification_deliveries_due)
      where channel = ? and due_at is null
      order by notification_log_id desc
      limit ?
    ) latest
    where latest.updated_at >= current_timestamp(6) - interval ? hour`).join(" union all "),
    outwardChannels.flatMap((channel) => [channel, channel, maxGivenUp, hours]),
  );
  return rows.map((row) => ({
    channel: row.channel as OutwardChannel,
    count: toInteger(row.given_up),
  })).filter(({ count }) => count > 0);
}

function toListed(row: Row): ListedNotification {
  const success = toInteger(row.success) === 1;
  const channel = row.channel as NotificationChannel;
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    event: String(row.event),
    channel,
    status: String(row.status),
    totalCents: toInteger(row.total_cents),
    payload: JSON.parse(String(row.payload)),
    success,
    error: row.error as string | null,
    state: notificationState({
      channel,
      success,
      isDue: row.due_at !== null,
      lacksAddress: toInteger(row.no_address) === 1,
    }),
    nextTryAt: toIsoTime(row.due_at),
    sentAt: toIsoTime(row.sent_at),
    createdAt: toIsoTime(row.created_at)!,
  };
}
