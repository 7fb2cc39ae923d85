/**
 * Statements on `notification_logs`.
 *
 * @module
 */

import {
  noAddressError,
  type NotificationChannel,
  orderEnds,
  orderEventName,
} from "../../domain/notification/notification.ts";
import { archivableDays } from "../../domain/operation/archive_cut.ts";
import { isLive } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { insertOnce } from "../connection/insert_once.ts";

/** The name of the event that ended an order, of a row of `orders`: {@linkcode orderEventName} in SQL. */
export const orderEndEvent: string = `case orders.status ${
  orderEnds.map(([status, name]) => {
    const first = orderEventName(status, 1);
    return first === name
      ? `when '${status}' then '${name}'`
      : `when '${status}' then if(orders.retries = 0, '${name}', concat('${
        first!.slice(0, -1)
      }', orders.retries))`;
  }).join(" ")
} end`;

/** Something that a customer is told. */
export interface NotificationRow {
  orderId: number;
  refundId: number | null;
  /** Names one happening, see `domain/notification/notification.ts`. */
  event: string;
  /** What it is about, in minor units: the order's total or the refund's amount. */
  amountCents: number;
}

/**
 * Writes the history, one row for each channel. On the channel `log` writing it is the sending; for the others
 * the rows say that nothing was sent yet, and what is to be sent is put on the work list beside them. An e-mail to
 * nobody is over when its row is written, which says so. The
 * unique key on order, event and channel is the once-key: what was told before is left as it is, and what is
 * on the list, or was on it, does not come onto it again.
 *
 * Every row locks its order for the sake of the foreign key, so they are written in the order of their
 * orders' ids, as every writer locks them.
 */
export async function writeNotifications(
  tx: Queryable,
  notifications: readonly NotificationRow[],
  channels: readonly NotificationChannel[],
): Promise<void> {
  if (notifications.length === 0) return;
  const sorted = withoutTwins(notifications).sort((a, b) => a.orderId - b.orderId);
  // Nearly every order passes here, and mostly nothing has to be sent: that is one statement.
  if (channels.length === 1 && channels[0] === "log") return await logNotifications(tx, sorted);
  await insertForChannels(tx, sorted, channels);
  await enqueueDeliveries(tx, sorted);
}

/** Of several messages about the same the first: they may stand in one batch. */
function withoutTwins(notifications: readonly NotificationRow[]): NotificationRow[] {
  const byEvent = new Map<string, NotificationRow>();
  for (const row of notifications) {
    const key = `${row.orderId} ${row.event}`;
    if (!byEvent.has(key)) byEvent.set(key, row);
  }
  return [...byEvent.values()];
}

/**
 * Writes the history of orders that are at their end, on the channel `log`, without asking first which of them
 * are: nearly all are, and then this is all there is to do. Orders that are not, or do not exist, are left out.
 *
 * @returns how many of the orders have been told of, now or before
 */
export async function logOrderEnds(tx: Queryable, orderIds: readonly number[]): Promise<number> {
  const ended = `
    from orders force index (primary)
    where orders.id in (?) and orders.status in (?) and ${isNotArchived}`;
  const values = [orderIds.toSorted((a, b) => a - b), orderEnds.map(([status]) => status)];
  // Nobody decides about what is written by how many rows they are.
  tx.asksLast?.();
  const { inserted, metOthers } = await insertOnce(tx, {
    sql: `
    insert into notification_logs
      (order_id, customer_id, event, channel, status, total_cents, payload, success, sent_at)
    select orders.id, orders.customer_id, ${orderEndEvent}, 'log', orders.status, orders.total_cents,
      ${payloadOf(orderEndEvent, "orders.total_cents")},
      1, current_timestamp(6)
    ${ended}`,
    isNew: isNotTold(orderEndEvent, "'log'"),
    values,
  });
  if (!metOthers) return inserted;
  const [row] = await tx.query(`select count(*) as told ${ended}`, values);
  return toInteger(row!.told);
}

/**
 * What is archived has been told, and its history is elsewhere: nothing is told again where a message comes again after
 * years. What ended lately is not archived, so for nearly all that is told this is one comparison.
 */
const isNotArchived = `(orders.settled_at >= current_timestamp(6) - interval ${archivableDays} day
      or ${isLive("orders.id")})`;

/** Whether nothing was told of an event of an order on a channel. */
const isNotTold = (event: string, channel: string) => `
      not exists (
        select 1
        from notification_logs known force index (notification_logs_once)
        where known.order_id = orders.id and known.event = ${event} and known.channel = ${channel})`;

/** Fields of every payload. */
const factsOf = (event: string, amountCents: string) =>
  `'event', ${event}, 'order_id', orders.id,
        'external_order_id', orders.external_order_id, 'status', orders.status,
        'failure_reason', orders.failure_reason, 'currency', orders.currency,
        'amount_cents', ${amountCents}`;

/** What the history keeps of a happening, as it is then: of an order that ran short, what was missing as well. */
const payloadOf = (event: string, amountCents: string) => `
      case when orders.failure_reason = 'insufficient_stock'
        then json_object(${factsOf(event, amountCents)}, 'shortages', json_extract(coalesce((
          select json_arrayagg(
            json_object('sku', products.sku, 'missing_qty', order_shortages.missing_qty))
          from order_shortages force index (order_shortages_once)
          straight_join products on products.id = order_shortages.product_id
          where order_shortages.order_id = orders.id), '[]'), '$'))
        else json_object(${factsOf(event, amountCents)})
      end`;

/** The same of what stands in {@linkcode notices}. */
const payload = payloadOf("notice.event", "notice.amount_cents");

/** What is told, as a table, with its orders. */
const notices = `
      json_table(?, '$[*]' columns (
        order_id bigint unsigned path '$[0]',
        refund_id bigint unsigned path '$[1]',
        event varchar(48) character set ascii path '$[2]',
        amount_cents bigint path '$[3]')) notice
      straight_join orders on orders.id = notice.order_id`;

/** @param sorted by their orders' ids */
async function logNotifications(tx: Queryable, sorted: readonly NotificationRow[]): Promise<void> {
  await insertOnce(tx, {
    sql: `
    insert into notification_logs
      (order_id, customer_id, refund_id, event, channel, status, total_cents, payload, success, sent_at)
    select orders.id, orders.customer_id, notice.refund_id, notice.event, 'log', orders.status,
      orders.total_cents,
      ${payload},
      1, current_timestamp(6)
    from ${notices}
    where ${isNotArchived}`,
    isNew: isNotTold("notice.event", "'log'"),
    values: [asJson(sorted)],
  });
}

/**
 * Whether there is nobody to send it to: an order that names a recipient and no address has none, while one of a version
 * before has its customer's.
 */
const lacksAddress =
  "(told.channel = 'email' and orders.recipient_name is not null and orders.recipient_email is null)";

/** The same for any channels: the rows of an event are there together or not at all, and say how many they are. */
async function insertForChannels(
  tx: Queryable,
  sorted: readonly NotificationRow[],
  channels: readonly NotificationChannel[],
): Promise<void> {
  await insertOnce(tx, {
    sql: `
    insert into notification_logs
      (order_id, customer_id, refund_id, event, channel, channels, status, total_cents, payload,
       success, sent_at, no_address, error)
    select orders.id, orders.customer_id, notice.refund_id, notice.event, told.channel, ?,
      orders.status, orders.total_cents,
      ${payload},
      told.channel = 'log', case told.channel when 'log' then current_timestamp(6) end,
      ${lacksAddress}, case when ${lacksAddress} then '${noAddressError}' end
    from ${notices}
    straight_join json_table(?, '$[*]' columns (
      channel varchar(16) character set ascii path '$')) told on true
    where ${isNotArchived}`,
    isNew: isNotTold("notice.event", "told.channel"),
    values: [channels.length, asJson(sorted), JSON.stringify(channels)],
  });
}

/** What was neither sent nor given up belongs on the list; what is there already stays as it is. */
async function enqueueDeliveries(
  tx: Queryable,
  sorted: readonly NotificationRow[],
): Promise<void> {
  await tx.run(
    `
    insert into notification_deliveries (notification_log_id, channel, due_at)
    select notification_logs.id, notification_logs.channel, current_timestamp(6)
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      event varchar(48) character set ascii collate ascii_bin path '$[2]')) notice
    straight_join notification_logs on notification_logs.order_id = notice.order_id
      and notification_logs.event = notice.event
    where notification_logs.success = 0 and notification_logs.channel <> 'log'
      and notification_logs.no_address = 0
    order by notification_logs.id
    on duplicate key update channel = notification_deliveries.channel`,
    [asJson(sorted)],
  );
}

function asJson(notifications: readonly NotificationRow[]): string {
  return JSON.stringify(
    notifications.map(({ orderId, refundId, event, amountCents }) => [
      orderId,
      refundId,
      event,
      amountCents,
    ]),
  );
}
