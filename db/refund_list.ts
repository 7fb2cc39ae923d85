/**
 * Refunds of all orders, for people.
 *
 * @module
 */

import type { RefundStatus } from "../domain/order.ts";
import { type Queryable, toInteger, toIsoTime } from "./database.ts";

/** A refund with what it belongs to. Times are ISO 8601 UTC. */
export interface ListedRefund {
  id: number;
  orderId: number;
  externalOrderId: string;
  customerName: string;
  currency: string;
  amountCents: number;
  /** What the order was worth. */
  totalCents: number;
  reason: string | null;
  failureReason: string | null;
  status: RefundStatus;
  createdAt: string;
  processedAt: string | null;
}

/**
 * Refunds from the newest down. Those that are not finished have an index; any other status walks down the
 * primary key.
 *
 * @param options.beforeId only ids below it; undefined for the start of the list
 */
export async function listRefunds(
  db: Queryable,
  filter: { status?: RefundStatus },
  options: { beforeId: number | undefined; limit: number },
): Promise<ListedRefund[]> {
  const { status } = filter;
  const rows = await db.query(
    `
    select refunds.id, refunds.order_id, refunds.amount_cents, refunds.reason, refunds.failure_reason,
      refunds.status, refunds.created_at, refunds.processed_at, orders.external_order_id,
      orders.currency, orders.total_cents, customers.name
    from refunds
    straight_join orders on orders.id = refunds.order_id
    straight_join customers on customers.id = orders.customer_id
    where refunds.id < ?
      ${status === undefined ? "" : "and refunds.status = ?"}
      ${status === "REQUESTED" ? "and refunds.unfinished = 1" : ""}
    order by refunds.id desc
    limit ?`,
    [
      options.beforeId ?? Number.MAX_SAFE_INTEGER,
      ...(status === undefined ? [] : [status]),
      options.limit,
    ],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    externalOrderId: String(row.external_order_id),
    customerName: String(row.name),
    currency: String(row.currency),
    amountCents: toInteger(row.amount_cents),
    totalCents: toInteger(row.total_cents),
    reason: row.reason as string | null,
    failureReason: row.failure_reason as string | null,
    status: row.status as RefundStatus,
    createdAt: toIsoTime(row.created_at)!,
    processedAt: toIsoTime(row.processed_at),
  }));
}
