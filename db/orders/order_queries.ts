/**
 * Orders as readers want to see them: lists, and one with everything that belongs to it.
 *
 * @module
 */

import type { FailureReason, OrderStatus } from "../../domain/order/order.ts";
import {
  type Database,
  type Queryable,
  type Row,
  toInteger,
  toIsoTime,
} from "../connection/database.ts";
import {
  type ListedNotification,
  readNotificationsOf,
} from "../notifications/notification_queries.ts";
import { recipientEmail } from "../catalog/customers.ts";
import { readRefunds, type RefundRow } from "../refunds/refund_rows.ts";

/** An order with its customer. Times are ISO 8601 in UTC. */
export interface OrderSummary {
  id: number;
  externalOrderId: string;
  status: OrderStatus;
  failureReason: FailureReason | null;
  currency: string;
  totalCents: number;
  refundedCents: number;
  /** As the latest of the customer's orders describes them. */
  customer: { id: number; externalId: string; email: string; name: string };
  /** Whom the order was placed for: its messages go there. */
  recipient: { name: string; email: string };
  placedAt: string;
  reservedAt: string | null;
  settledAt: string | null;
  createdAt: string;
  updatedAt: string;
  /** How often its content was changed. */
  revision: number;
  /** Of its content, in hexadecimal. */
  contentHash: string;
}

/** An order with everything that belongs to it, each list from the first to the last. */
export interface OrderDetail extends OrderSummary {
  items: OrderItem[];
  payment: OrderPayment | null;
  /** Money beside the payment that settles it. */
  furtherPayments: OrderPayment[];
  /** What its total has besides the items. */
  adjustments: OrderAdjustment[];
  refunds: RefundRow[];
  /** What was written to the log, or sent, or is to be. */
  notifications: ListedNotification[];
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

/** What an order's total has besides its items. */
export interface OrderAdjustment {
  kind: string;
  label: string;
  /** May be negative. */
  amountCents: number;
  /** True for what the items' prices hold already. */
  included: boolean;
}

/** What the payment provider took, or refused to take. */
export interface OrderPayment {
  id: number;
  provider: string;
  providerRef: string;
  amountCents: number;
  /** ISO 4217, upper case: the order's, but for money that was taken in another. */
  currency: string;
  status: string;
  paidAt: string | null;
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

/** Most refunds, notifications and steps of one order that {@linkcode readOrderDetail} reads. */
const maxInDetail = 1_000;

const summaryColumns = `
  orders.id, orders.external_order_id, orders.status, orders.failure_reason, orders.currency,
  orders.total_cents, orders.refunded_cents, orders.placed_at, orders.reserved_at,
  orders.settled_at, orders.created_at, orders.updated_at, orders.revision, orders.content_hash,
  customers.id as customer_id,
  customers.external_id, customers.email, customers.name,
  coalesce(orders.recipient_name, customers.first_name) as recipient_name,
  ${recipientEmail} as recipient_email`;

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
  const [items, adjustments, payments, refunds, notifications, timeline] = await Promise.all([
    readOrderItems(db, id),
    readOrderAdjustments(db, id),
    readOrderPayments(db, id, order.currency),
    listRefundsOf(db, id, { afterId: 0, limit: maxInDetail }),
    readNotificationsOf(db, id, maxInDetail),
    readTimeline(db, id),
  ]);
  return {
    ...order,
    items,
    adjustments,
    payment: payments.find(({ isSurplus }) => !isSurplus)?.payment ?? null,
    furtherPayments: payments.filter(({ isSurplus }) => isSurplus).map(({ payment }) => payment),
    refunds,
    notifications,
    timeline,
  };
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

async function readOrderAdjustments(db: Queryable, orderId: number): Promise<OrderAdjustment[]> {
  const rows = await db.execute(
    `
    select kind, label, amount_cents, included
    from order_adjustments
    where order_id = ?
    order by id
    limit ${maxInDetail}`,
    [orderId],
  );
  return rows.map((row) => ({
    kind: String(row.kind),
    label: String(row.label),
    amountCents: toInteger(row.amount_cents),
    included: toInteger(row.included) === 1,
  }));
}

/** @param currency the order's */
async function readOrderPayments(
  db: Queryable,
  orderId: number,
  currency: string,
): Promise<{ payment: OrderPayment; isSurplus: boolean }[]> {
  const rows = await db.execute(
    `
    select id, provider, provider_ref, amount_cents, currency, status, surplus, paid_at
    from payments
    where order_id = ?
    order by surplus
    limit ${maxInDetail}`,
    [orderId],
  );
  return rows.map((row) => ({
    isSurplus: toInteger(row.surplus) > 0,
    payment: {
      id: toInteger(row.id),
      provider: String(row.provider),
      providerRef: String(row.provider_ref),
      amountCents: toInteger(row.amount_cents),
      currency: row.currency === null ? currency : String(row.currency),
      status: String(row.status),
      paidAt: toIsoTime(row.paid_at),
    },
  }));
}

async function readTimeline(db: Queryable, orderId: number): Promise<OrderStep[]> {
  const rows = await db.execute(
    `
    select created_at, event, detail, refund_id, actor, attempt
    from order_events
    where order_id = ?
    order by id
    limit ${maxInDetail}`,
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
    recipient: { name: String(row.recipient_name), email: String(row.recipient_email) },
    placedAt: toIsoTime(row.placed_at)!,
    reservedAt: toIsoTime(row.reserved_at),
    settledAt: toIsoTime(row.settled_at),
    createdAt: toIsoTime(row.created_at)!,
    updatedAt: toIsoTime(row.updated_at)!,
    revision: toInteger(row.revision),
    contentHash: (row.content_hash as Uint8Array).toHex(),
  };
}
