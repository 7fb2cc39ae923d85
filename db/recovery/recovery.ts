/**
 * What the database says is still to be done, and what is to be counted, in pages by id. Nothing is locked:
 * a row that changes meanwhile is met in its old or its new state.
 *
 * The statements are sent as text with their numbers in place, so that both engines read each page by the
 * primary key, or by the index of unfinished rows, from where the last page ended. That index is forced:
 * with none of a million refunds unfinished, MariaDB would walk through all of them to find out.
 *
 * @module
 */

import { orderEventName, refundEventName } from "../../domain/notification/notification.ts";
import { archivableDays } from "../../domain/operation/archive_cut.ts";
import type { OrderStatus, RefundStatus } from "../../domain/order/order.ts";
import { isLive } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { orderEndEvent } from "../notifications/notifications.ts";
import { andWithin, type Scope } from "../verification/scope.ts";
import { type RecordedPayment, toPayment } from "../payments/payments.ts";

/** An order that is not settled, or one that nobody was told of. */
export interface OpenOrder {
  id: number;
  status: OrderStatus;
  amountCents: number;
  currency: string;
}

/** A refund that is not finished, or one that nobody was told of. */
export interface OpenRefund {
  id: number;
  orderId: number;
  status: RefundStatus;
  amountCents: number;
  currency: string;
}

/** A payment that is to be given back. */
export interface OpenReversal {
  /** Of the payment. */
  id: number;
  orderId: number;
  amountCents: number;
  currency: string;
}

/** A page of a list in the order of ids. */
export interface PageRequest {
  /** Last id of the page before, 0 for the first page. */
  afterId: number;
  /** Most rows. */
  limit: number;
  /** Leave out what has changed within so many seconds; by the database's clock. */
  olderThanSeconds?: number;
  /** Only these ids. */
  ids?: readonly number[];
  /** Only what belongs to these orders. */
  ofOrders?: Scope;
}

/** The highest ids in use, 0 where there are none. */
export async function highestIds(db: Queryable): Promise<{ orderId: number; refundId: number }> {
  const [row] = await db.query(`
    select
      (select coalesce(max(id), 0) from orders) as order_id,
      (select coalesce(max(id), 0) from refunds) as refund_id`);
  return { orderId: toInteger(row?.order_id), refundId: toInteger(row?.refund_id) };
}

/**
 * A page of the orders that are not settled, except those whose payment is in dispute, which wait for a person, and
 * those that wait for stock, which are taken up when there is some.
 */
export async function listOpenOrders(db: Queryable, page: PageRequest): Promise<OpenOrder[]> {
  const rows = await db.query(
    `
    select id, status, total_cents as amount_cents, currency
    from orders force index (orders_unfinished)
    where unfinished = 1 and id > ? ${pageConditions("orders", page)}
      and not exists (select 1 from payment_disputes where payment_disputes.order_id = orders.id)
      and (backordered = 0 or not exists (
        select 1 from order_shortages
        where order_shortages.order_id = orders.id and order_shortages.waiting = 1))
    order by id
    limit ?`,
    [page.afterId, page.limit],
  );
  return rows.map(toOpenOrder);
}

/** A page of the refunds that are not finished, except those that wait for a person. */
export async function listOpenRefunds(db: Queryable, page: PageRequest): Promise<OpenRefund[]> {
  const rows = await db.query(
    `
    select refunds.id, refunds.order_id, refunds.status, refunds.amount_cents, orders.currency
    from refunds force index (refunds_unfinished)
    straight_join orders on orders.id = refunds.order_id
    where refunds.unfinished = 1 and refunds.id > ? ${pageConditions("refunds", page)}
      and not exists (select 1 from refunds_by_hand where refunds_by_hand.refund_id = refunds.id)
    order by refunds.id
    limit ?`,
    [page.afterId, page.limit],
  );
  return rows.map(toOpenRefund);
}

/**
 * A page of the payments that are to be given back, with their currency, except those that wait for a person. Reads the
 * whole table.
 */
export async function listOpenReversals(db: Queryable, page: PageRequest): Promise<OpenReversal[]> {
  const rows = await db.query(
    `
    select payments.id, payments.order_id, payments.amount_cents,
      coalesce(payments.currency, orders.currency) as currency
    from payments
    straight_join orders on orders.id = payments.order_id
    where payments.status = 'REVERSING' and payments.id > ? ${pageConditions("payments", page)}
      and not exists (select 1 from refunds_by_hand where refunds_by_hand.payment_id = payments.id)
    order by payments.id
    limit ?`,
    [page.afterId, page.limit],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
  }));
}

/** Days for which an order that ended without a payment is asked about: so long none is archived. */
const askedDays = archivableDays;

/**
 * A page of the orders that ended within {@linkcode askedDays} days after a reservation, and not by an answer of
 * the payment provider: it may have taken their money nevertheless, or take it yet. So it may of those that were edited
 * within these days, for what they cost before. Reads the whole table.
 */
export async function listUnansweredOrders(db: Queryable, page: PageRequest): Promise<OpenOrder[]> {
  const rows = await db.query(
    `
    select orders.id, orders.status, orders.total_cents as amount_cents, orders.currency
    from orders
    left join payments on payments.order_id = orders.id and payments.surplus = 0
    where orders.id > ? ${pageConditions("orders", page)}
      and ((orders.reserved_at is not null
          and (orders.status = 'CANCELLED' or orders.failure_reason = 'payment_timeout')
          and orders.settled_at > current_timestamp(6) - interval ${askedDays} day
          and payments.id is null)
        or orders.id in (
          select order_id
          from superseded_charges
          where outcome is null and created_at > current_timestamp(6) - interval ${askedDays} day))
    order by orders.id
    limit ?`,
    [page.afterId, page.limit],
  );
  return rows.map(toOpenOrder);
}

/**
 * A page of the settled orders without a row in the history of notices, on any channel; archived ones have theirs. Reads the
 * whole table.
 */
export async function listUnnotifiedOrders(db: Queryable, page: PageRequest): Promise<OpenOrder[]> {
  const rows = await db.query(
    `
    select orders.id, orders.status, orders.total_cents as amount_cents, orders.currency
    from orders
    left join notification_logs on notification_logs.order_id = orders.id
      and notification_logs.event = ${orderEndEvent}
    where orders.settled_at is not null and orders.id > ? ${pageConditions("orders", page)}
      and notification_logs.id is null
      and ${isLive("orders.id")}
    order by orders.id
    limit ?`,
    [page.afterId, page.limit],
  );
  return rows.map(toOpenOrder);
}

/** A page of the finished refunds without a row in the history of notices, on any channel. Reads the whole table. */
export async function listUnnotifiedRefunds(
  db: Queryable,
  page: PageRequest,
): Promise<OpenRefund[]> {
  const rows = await db.query(
    `
    select refunds.id, refunds.order_id, refunds.status, refunds.amount_cents, orders.currency
    from refunds
    straight_join orders on orders.id = refunds.order_id
    left join notification_logs on notification_logs.order_id = refunds.order_id
      and notification_logs.event = concat(case refunds.status when 'PROCESSED' then ? else ? end, refunds.id)
    where refunds.status <> 'REQUESTED' and refunds.id > ? ${pageConditions("refunds", page)}
      and notification_logs.id is null
      and ${isLive("refunds.order_id")}
    order by refunds.id
    limit ?`,
    [...refundEventStarts(), page.afterId, page.limit],
  );
  return rows.map(toOpenRefund);
}

/** What the names of `PROCESSED` and of `FAILED` refunds begin with. */
export function refundEventStarts(): [string, string] {
  const start = (status: RefundStatus) => refundEventName(0, status)!.slice(0, -"0".length);
  return [start("PROCESSED"), start("FAILED")];
}

/** How many orders are unfinished and neither in dispute, nor waiting for stock, nor named by a dead letter. */
export async function countOpenOrders(db: Queryable): Promise<number> {
  const [row] = await db.query(`
    select
      (select count(*) from orders where unfinished = 1) as open,
      (select count(*)
        from (
          select order_id from dead_letters where status = 'DEAD'
          union
          select order_id from payment_disputes
          union
          select order_id from order_shortages where waiting = 1
        ) known
        straight_join orders on orders.id = known.order_id
        where orders.unfinished = 1) as known`);
  return toInteger(row?.open) - toInteger(row?.known);
}

/** How many refunds are unfinished, named by no dead letter, and wait for no person. */
export async function countOpenRefunds(db: Queryable): Promise<number> {
  const [row] = await db.query(`
    select
      (select count(*) from refunds where unfinished = 1) as open,
      (select count(*)
        from (
          select refund_id from dead_letters where status = 'DEAD'
          union
          select refund_id from refunds_by_hand
        ) known
        straight_join refunds on refunds.id = known.refund_id
        where refunds.unfinished = 1) as known`);
  return toInteger(row?.open) - toInteger(row?.known);
}

/**
 * Cancellations among the steps of the timelines after one, of which something may be left to do. Steps are numbered
 * before they are committed, so the last minute must be left out: it may have gaps that fill up.
 *
 * @param afterEventId last step that was looked at before
 * @param olderThanSeconds leave out steps that are younger, by the database's clock
 * @returns the orders that nobody was told of, those that had failed and were taken up again before, and the last step
 * that was looked at now
 */
export async function listCancellations(
  db: Queryable,
  afterEventId: number,
  olderThanSeconds: number,
): Promise<{ untold: OpenOrder[]; retried: OpenOrder[]; lastEventId: number }> {
  const [last] = await db.query(
    `
    select coalesce(max(id), ?) as id
    from order_events
    where id > ? and created_at < current_timestamp(6) - interval ? second`,
    [afterEventId, afterEventId, olderThanSeconds],
  );
  const lastEventId = toInteger(last?.id);
  const rows = await db.query(
    `
    select distinct orders.id, orders.status, orders.total_cents as amount_cents, orders.currency,
      notification_logs.id is null as untold, orders.retries > 0 as retried
    from order_events
    straight_join orders on orders.id = order_events.order_id
    left join notification_logs on notification_logs.order_id = orders.id
      and notification_logs.event = ?
    where order_events.id > ? and order_events.id <= ? and order_events.event = 'cancelled'
      and orders.status = 'CANCELLED' and (notification_logs.id is null or orders.retries > 0)
    order by orders.id`,
    [orderEventName("CANCELLED"), afterEventId, lastEventId],
  );
  const among = (column: string) =>
    rows.filter((row) => toInteger(row[column]) === 1).map(toOpenOrder);
  return { untold: among("untold"), retried: among("retried"), lastEventId };
}

/**
 * Payments whose dispute was decided in the steps of the timelines after one, up to another, and of which something is
 * still to be done: they are to be given back, or their order was not told of. What follows may be on its way, or
 * have been lost between the database and the stream.
 *
 * @param afterEventId last step that was looked at before
 * @param lastEventId last step to look at
 * @returns each with its order's currency
 */
export async function listUndoneDecisions(
  db: Queryable,
  afterEventId: number,
  lastEventId: number,
): Promise<{ payment: RecordedPayment; currency: string }[]> {
  const rows = await db.query(
    `
    select distinct payments.id, payments.order_id, payments.provider, payments.provider_ref,
      payments.amount_cents, payments.currency, payments.status, payments.surplus, payments.paid_at,
      orders.currency as order_currency
    from order_events
    straight_join orders on orders.id = order_events.order_id
    straight_join payments force index (payments_order_once) on payments.order_id = orders.id
    left join notification_logs on notification_logs.order_id = orders.id
      and notification_logs.event = ${orderEndEvent}
    where order_events.id > ? and order_events.id <= ?
      and order_events.event in ('payment_accepted', 'payment_given_back')
      and ((payments.status = 'REVERSING'
          and not exists (select 1 from refunds_by_hand where refunds_by_hand.payment_id = payments.id))
        or (payments.status = 'SUCCEEDED' and notification_logs.id is null))
    order by payments.id`,
    [afterEventId, lastEventId],
  );
  return rows.map((row) => ({
    payment: toPayment(row),
    currency: String(row.order_currency),
  }));
}

/** The number of the last step of the timelines, 0 where there is none. */
export async function lastEventId(db: Queryable): Promise<number> {
  const [row] = await db.query("select coalesce(max(id), 0) as id from order_events");
  return toInteger(row?.id);
}

/** Further conditions of a page of a table; they hold numbers only. */
export function pageConditions(
  table: "orders" | "refunds" | "payments",
  { olderThanSeconds, ids, ofOrders = null }: PageRequest,
): string {
  const age = olderThanSeconds === undefined
    ? ""
    : `and ${table}.updated_at < current_timestamp(6) - interval ${
      Number(olderThanSeconds)
    } second`;
  const known = ids === undefined ? "" : ` and ${table}.id in (${ids.map(Number).join(", ")})`;
  const order = table === "orders" ? "orders.id" : `${table}.order_id`;
  return `${age}${known}${andWithin(order, ofOrders)}`;
}

/** The columns of {@linkcode OpenOrder}. */
export function toOpenOrder(row: Row): OpenOrder {
  return {
    id: toInteger(row.id),
    status: row.status as OrderStatus,
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
  };
}

function toOpenRefund(row: Row): OpenRefund {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    status: row.status as RefundStatus,
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
  };
}
