/**
 * Orders as readers want to see them: lists, and one with everything that belongs to it.
 *
 * @module
 */

import type { FailureReason, OrderStatus } from "../../domain/order/order.ts";
import type { AdjustmentLine, OrderLine } from "../../domain/order/order_lines.ts";
import type { PaymentInstructions } from "../../domain/payment/payment_instructions.ts";
import type { PaymentStatus } from "../../domain/order/source_payment.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
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
import { type PaymentHold, readHoldOf } from "../payments/payment_holds.ts";
import { type PaymentAction, readAction } from "../payments/payment_actions.ts";
import { listChargebacksOf, type ListedChargeback } from "../payments/chargeback_list.ts";
import { type PaymentAttempt, readAttempts } from "../payments/payment_attempts.ts";
import { readInstructions } from "../payments/payment_instructions.ts";
import { recipientEmail } from "../catalog/customers.ts";
import { readRefundDetails, type RefundDetail } from "../refunds/refund_contents.ts";
import { readRefunds } from "../refunds/refund_rows.ts";
import { readOrderAdjustments, readOrderItems } from "./order_lines.ts";
import { readShortages, type Shortage } from "./shortages.ts";

/** An order with its customer. Times are ISO 8601 in UTC. */
export interface OrderSummary {
  id: number;
  externalOrderId: string;
  status: OrderStatus;
  failureReason: FailureReason | null;
  currency: string;
  totalCents: number;
  refundedCents: number;
  /** How it stands at its source. */
  paymentStatus: PaymentStatus;
  customer: OrderCustomer;
  /** Whom the order was placed for: its messages go there. */
  recipient: { name: string; email: string | null };
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

/** Who ordered, as the latest of the customer's orders says. */
export interface OrderCustomer {
  id: number;
  /** The shop's own id; null of a guest. */
  externalId: string | null;
  email: string | null;
  name: string;
  /** True for whoever has no id at the shop. */
  isGuest: boolean;
}

/** An order with everything that belongs to it, each list from the first to the last. */
export interface OrderDetail extends OrderSummary {
  items: OrderLine[];
  /** What its total has besides the items. */
  adjustments: AdjustmentLine[];
  /** Sum of the items. */
  itemsCents: number;
  payment: OrderPayment | null;
  /** Money beside the payment that settles it. */
  furtherPayments: OrderPayment[];
  /** The payment that was made at the source, as the source tells it; null where there was none. */
  sourcePayment: SourcePayment | null;
  /** What it is to be paid with; null where nothing was said. */
  instructions: PaymentInstructions | null;
  /** What the customer has to do before its money moves; null for nothing. */
  action: PaymentAction | null;
  /** What a provider holds for it, or held; null where everything was taken at once. */
  hold: PaymentHold | null;
  /** Tries to move its money, as providers answered them. */
  attempts: PaymentAttempt[];
  /** Charges of it that its customer contested at the bank, the first one first. */
  chargebacks: ListedChargeback[];
  /** BCP 47, such as `de-AT`; null where its source did not say. */
  language: string | null;
  /** What it ran short of, until it is taken up again or reserved. */
  shortages: Shortage[];
  refunds: RefundDetail[];
  /** What was written to the log, or sent, or is to be. */
  notifications: ListedNotification[];
  timeline: OrderStep[];
}

/** A payment that was made before the order came. */
export interface SourcePayment {
  provider: string;
  /** The provider's own name for it. */
  reference: string;
  paidAt: string | null;
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
  customers.id as customer_id, orders.payment_status, customers.external_id, customers.email,
  customers.name, customers.guest,
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
  const [
    items,
    adjustments,
    source,
    shortages,
    payments,
    refunds,
    notifications,
    timeline,
    instructions,
    attempts,
    action,
    hold,
    chargebacks,
  ] = await Promise.all([
    readOrderItems(db, id),
    readOrderAdjustments(db, id, maxInDetail),
    readSource(db, id),
    readShortages(db, [id]),
    readOrderPayments(db, id, order.currency),
    listRefundsOf(db, id, { afterId: 0, limit: maxInDetail }),
    readNotificationsOf(db, id, maxInDetail),
    readTimeline(db, id),
    readInstructions(db, [id]),
    readAttempts(db, id, maxInDetail),
    readAction(db, id),
    readHoldOf(db, id),
    listChargebacksOf(db, id),
  ]);
  return {
    ...order,
    items,
    adjustments,
    itemsCents: items.reduce((sum, { subtotalCents }) => sum + subtotalCents, 0),
    ...source,
    shortages: shortages.get(id) ?? [],
    payment: payments.find(({ isSurplus }) => !isSurplus)?.payment ?? null,
    furtherPayments: payments.filter(({ isSurplus }) => isSurplus).map(({ payment }) => payment),
    instructions: instructions.get(id) ?? null,
    // What the customer was asked to do is of no use once the order is settled.
    action: order.status === "RESERVED" ? action : null,
    hold,
    attempts,
    chargebacks,
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
): Promise<RefundDetail[]> {
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
  return await readRefundDetails(db, [...byId.values()].sort((a, b) => a.id - b.id));
}

/** What the source of an order said besides. */
async function readSource(
  db: Queryable,
  orderId: number,
): Promise<Pick<OrderDetail, "sourcePayment" | "language">> {
  const [row] = await db.execute(
    `
    select orders.language, source_payments.provider, source_payments.reference, source_payments.paid_at
    from orders
    left join source_payments on source_payments.order_id = orders.id
    where orders.id = ?`,
    [orderId],
  );
  if (row === undefined) return { sourcePayment: null, language: null };
  return {
    language: row.language as string | null,
    sourcePayment: row.reference === null ? null : {
      provider: String(row.provider),
      reference: String(row.reference),
      paidAt: toIsoTime(row.paid_at),
    },
  };
}

/** @param currency the order's */
async function readOrderPayments(
  db: Queryable,
  orderId: number,
  currency: string,
): Promise<{ payment: OrderPayment; isSurplus: boolean }[]> {
  const rows = await readEverywhere(
    db,
    `
    select id, provider, provider_ref, amount_cents, currency, status, surplus, paid_at
    from payments
    where order_id = ?
    order by surplus
    limit ${maxInDetail}`,
    [orderId],
    "order by surplus",
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
  const rows = await readEverywhere(
    db,
    `
    select id, created_at, event, detail, refund_id, actor, attempt
    from order_events
    where order_id = ?
    order by id
    limit ${maxInDetail}`,
    [orderId],
    "order by id",
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
    paymentStatus: row.payment_status as PaymentStatus,
    customer: toOrderCustomer(row),
    recipient: { name: String(row.recipient_name), email: addressOf(row.recipient_email) },
    placedAt: toIsoTime(row.placed_at)!,
    reservedAt: toIsoTime(row.reserved_at),
    settledAt: toIsoTime(row.settled_at),
    createdAt: toIsoTime(row.created_at)!,
    updatedAt: toIsoTime(row.updated_at)!,
    revision: toInteger(row.revision),
    contentHash: (row.content_hash as Uint8Array).toHex(),
  };
}

function toOrderCustomer(row: Row): OrderCustomer {
  const isGuest = toInteger(row.guest) === 1;
  return {
    id: toInteger(row.customer_id),
    externalId: isGuest ? null : String(row.external_id),
    email: addressOf(row.email),
    name: String(row.name),
    isGuest,
  };
}

/** An address; null where none is kept. */
function addressOf(value: Row[string] | undefined): string | null {
  return value === null || value === undefined || value === "" ? null : String(value);
}
