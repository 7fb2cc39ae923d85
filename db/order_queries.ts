/**
 * Orders as readers want to see them: lists, and one with everything that belongs to it.
 *
 * @module
 */

import type { FailureReason, OrderStatus } from "../domain/order.ts";
import { type Database, type Queryable, type Row, toInteger, toIsoTime } from "./database.ts";
import { readRefunds, type RefundRow } from "./refunds.ts";

/** An order with its customer. Times are ISO 8601 in UTC. */
export interface OrderSummary {
  id: number;
  externalOrderId: string;
  status: OrderStatus;
  failureReason: FailureReason | null;
  currency: string;
  totalCents: number;
  refundedCents: number;
  customer: { id: number; externalId: string; email: string; name: string };
  placedAt: string;
  reservedAt: string | null;
  settledAt: string | null;
  createdAt: string;
  updatedAt: string;
}

/** An order with everything that belongs to it, each list from the first to the last. */
export interface OrderDetail extends OrderSummary {
  items: OrderItem[];
  payment: OrderPayment | null;
  refunds: RefundRow[];
  notifications: OrderNotification[];
  timeline: OrderStep[];
}

/** One line of an order. */
export interface OrderItem {
  sku: string;
  name: string;
  unitPriceCents: number;
  qty: number;
  subtotalCents: number;
}

/** What the payment provider took, or refused to take. */
export interface OrderPayment {
  id: number;
  provider: string;
  providerRef: string;
  amountCents: number;
  status: string;
  paidAt: string | null;
}

/** What the customer was told. */
export interface OrderNotification {
  id: number;
  refundId: number | null;
  event: string;
  channel: string;
  status: string;
  totalCents: number;
  payload: unknown;
  success: boolean;
  error: string | null;
  sentAt: string | null;
  createdAt: string;
}

/** One step in an order's life. */
export interface OrderStep {
  at: string;
  event: string;
  detail: string | null;
  refundId: number | null;
  actor: string;
  attempt: number;
}

/** Which orders a list holds; what is undefined does not matter. */
export interface OrderFilter {
  status?: OrderStatus;
  /** Database id. */
  customerId?: number;
  /** Earliest `placed_at`, UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  placedFrom?: string;
  /** Latest `placed_at`, included. */
  placedTo?: string;
}

/** Most refunds, notifications and steps of one order that {@linkcode readOrderDetail} reads. */
export const mostInDetail = 1_000;

const summaryColumns = `
  orders.id, orders.external_order_id, orders.status, orders.failure_reason, orders.currency,
  orders.total_cents, orders.refunded_cents, orders.placed_at, orders.reserved_at,
  orders.settled_at, orders.created_at, orders.updated_at, customers.id as customer_id,
  customers.external_id, customers.email, customers.name`;

/**
 * Orders from the newest id down.
 *
 * Open orders are found by the index of unfinished ones and a customer's by that of customers; any other
 * filter walks down the primary key until enough are found.
 *
 * @param options.beforeId only ids below it; undefined for the start of the list
 * @param options.limit most rows
 */
export async function listOrders(
  db: Queryable,
  filter: OrderFilter,
  options: { beforeId: number | undefined; limit: number },
): Promise<OrderSummary[]> {
  const conditions: [sql: string, value: string | number][] = [];
  if (options.beforeId !== undefined) conditions.push(["orders.id < ?", options.beforeId]);
  if (filter.status !== undefined) conditions.push(["orders.status = ?", filter.status]);
  if (filter.status === "PENDING" || filter.status === "RESERVED") {
    conditions.push(["orders.unfinished = ?", 1]);
  }
  if (filter.customerId !== undefined) {
    conditions.push(["orders.customer_id = ?", filter.customerId]);
  }
  if (filter.placedFrom !== undefined) {
    conditions.push(["orders.placed_at >= ?", filter.placedFrom]);
  }
  if (filter.placedTo !== undefined) conditions.push(["orders.placed_at <= ?", filter.placedTo]);
  const rows = await db.query(
    `
    select ${summaryColumns}
    from orders
    straight_join customers on customers.id = orders.customer_id
    ${conditions.length === 0 ? "" : `where ${conditions.map(([sql]) => sql).join(" and ")}`}
    order by orders.id desc
    limit ?`,
    [...conditions.map(([, value]) => value), options.limit],
  );
  return rows.map(toOrderSummary);
}

/** Orders by id; an id that no row has is absent. */
export async function readOrderSummaries(
  db: Queryable,
  ids: readonly number[],
): Promise<Map<number, OrderSummary>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query(
    `
    select ${summaryColumns}
    from orders
    straight_join customers on customers.id = orders.customer_id
    where orders.id in (?)`,
    [[...ids]],
  );
  return new Map(rows.map((row) => [toInteger(row.id), toOrderSummary(row)]));
}

/**
 * One order with everything that belongs to it, or undefined where there is none.
 *
 * The order itself is read first: whatever its status says has happened is then found in the rest.
 */
export async function readOrderDetail(
  db: Database,
  id: number,
): Promise<OrderDetail | undefined> {
  const order = (await readOrderSummaries(db, [id])).get(id);
  if (order === undefined) return undefined;
  const [items, payment, refunds, notifications, timeline] = await Promise.all([
    readOrderItems(db, id),
    readOrderPayment(db, id),
    listRefundsOf(db, id, { afterId: 0, limit: mostInDetail }),
    readOrderNotifications(db, id),
    readTimeline(db, id),
  ]);
  return { ...order, items, payment, refunds, notifications, timeline };
}

/**
 * Refunds of an order from the first to the last.
 *
 * @param options.afterId only ids above it; 0 for the start of the list
 * @param options.limit most rows
 */
export async function listRefundsOf(
  db: Queryable,
  orderId: number,
  options: { afterId: number; limit: number },
): Promise<RefundRow[]> {
  const rows = await db.query(
    `
    select id
    from refunds
    where order_id = ? and id > ?
    order by id
    limit ?`,
    [orderId, options.afterId, options.limit],
  );
  const byId = await readRefunds(db, rows.map((row) => toInteger(row.id)));
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

async function readOrderItems(db: Queryable, orderId: number): Promise<OrderItem[]> {
  const rows = await db.execute(
    `
    select
      products.sku, products.name,
      order_items.unit_price_cents, order_items.qty, order_items.subtotal_cents
    from order_items
    straight_join products on products.id = order_items.product_id
    where order_items.order_id = ?
    order by order_items.id`,
    [orderId],
  );
  return rows.map((row) => ({
    sku: String(row.sku),
    name: String(row.name),
    unitPriceCents: toInteger(row.unit_price_cents),
    qty: toInteger(row.qty),
    subtotalCents: toInteger(row.subtotal_cents),
  }));
}

async function readOrderPayment(db: Queryable, orderId: number): Promise<OrderPayment | null> {
  const [row] = await db.execute(
    `
    select id, provider, provider_ref, amount_cents, status, paid_at
    from payments
    where order_id = ?`,
    [orderId],
  );
  if (row === undefined) return null;
  return {
    id: toInteger(row.id),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    amountCents: toInteger(row.amount_cents),
    status: String(row.status),
    paidAt: toIsoTime(row.paid_at),
  };
}

async function readOrderNotifications(
  db: Queryable,
  orderId: number,
): Promise<OrderNotification[]> {
  const rows = await db.execute(
    `
    select
      id, refund_id, event, channel, status, total_cents, cast(payload as char) as payload, success,
      error, sent_at, created_at
    from notification_logs
    where order_id = ?
    order by id
    limit ${mostInDetail}`,
    [orderId],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    event: String(row.event),
    channel: String(row.channel),
    status: String(row.status),
    totalCents: toInteger(row.total_cents),
    payload: JSON.parse(String(row.payload)),
    success: toInteger(row.success) === 1,
    error: row.error as string | null,
    sentAt: toIsoTime(row.sent_at),
    createdAt: toIsoTime(row.created_at)!,
  }));
}

async function readTimeline(db: Queryable, orderId: number): Promise<OrderStep[]> {
  const rows = await db.execute(
    `
    select created_at, event, detail, refund_id, actor, attempt
    from order_events
    where order_id = ?
    order by id
    limit ${mostInDetail}`,
    [orderId],
  );
  return rows.map((row) => ({
    at: toIsoTime(row.created_at)!,
    event: String(row.event),
    detail: row.detail as string | null,
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    actor: String(row.actor),
    attempt: toInteger(row.attempt),
  }));
}

function toOrderSummary(row: Row): OrderSummary {
  return {
    id: toInteger(row.id),
    externalOrderId: String(row.external_order_id),
    status: row.status as OrderStatus,
    failureReason: row.failure_reason as FailureReason | null,
    currency: String(row.currency),
    totalCents: toInteger(row.total_cents),
    refundedCents: toInteger(row.refunded_cents),
    customer: {
      id: toInteger(row.customer_id),
      externalId: String(row.external_id),
      email: String(row.email),
      name: String(row.name),
    },
    placedAt: toIsoTime(row.placed_at)!,
    reservedAt: toIsoTime(row.reserved_at),
    settledAt: toIsoTime(row.settled_at),
    createdAt: toIsoTime(row.created_at)!,
    updatedAt: toIsoTime(row.updated_at)!,
  };
}
