/**
 * Refunds of all orders, from the newest down.
 *
 * @module
 */

import type { RefundStatus } from "../../domain/order/order.ts";
import { type BoundedPageRequest, readBoundedPage } from "../connection/bounded_page.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { callersKey } from "./refund_rows.ts";

/** A refund with what it belongs to. Times are ISO 8601 UTC. */
export interface ListedRefund {
  id: number;
  orderId: number;
  externalOrderId: string;
  /** The shop's own id; null of a guest. */
  customerExternalId: string | null;
  /** As the latest of the customer's orders says. */
  customerName: string;
  /** Whom the order was placed for. */
  recipientName: string;
  currency: string;
  amountCents: number;
  /** What the order was worth. */
  totalCents: number;
  reason: string | null;
  failureReason: string | null;
  status: RefundStatus;
  /** No configured provider can give it back, so a person does or did. */
  byHand: boolean;
  idempotencyKey: string | null;
  createdAt: string;
  processedAt: string | null;
  /** True where it says what it is for. */
  itemized: boolean;
}

/** Which refunds a list holds; what is undefined does not matter. */
export interface RefundFilter {
  status?: RefundStatus;
  /** Earliest `created_at`, UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  requestedFrom?: string;
  /** Latest `created_at`, included. */
  requestedTo?: string;
  /** First moment at which their orders were settled, of the same form. */
  settledFrom?: string;
  /** Their orders were settled before. */
  settledBefore?: string;
  currency?: string;
}

/** A page of the list. */
export interface ListedRefunds {
  refunds: ListedRefund[];
  /** Where the next page begins: ids below it; undefined where nothing more can follow. */
  nextBeforeId: number | undefined;
}

/**
 * Refunds from the newest down. Those that are not finished have an index; any other filter walks down the
 * primary key, a bounded piece for a page.
 */
export async function listRefunds(
  db: Queryable,
  filter: RefundFilter,
  request: BoundedPageRequest,
): Promise<ListedRefunds> {
  const isOpen = filter.status === "REQUESTED";
  const given = ([
    ["refunds.status = ?", filter.status],
    ["refunds.unfinished = ?", isOpen ? 1 : undefined],
    ["refunds.created_at >= ?", filter.requestedFrom],
    ["refunds.created_at <= ?", filter.requestedTo],
    ["orders.settled_time >= ?", filter.settledFrom],
    ["orders.settled_time < ?", filter.settledBefore],
    ["orders.currency = ?", filter.currency],
  ] satisfies [string, string | number | undefined][]).filter(([, value]) => value !== undefined);
  const { items: refunds, nextBeforeId } = await readBoundedPage(
    db,
    { table: "refunds", id: "id", isIndexed: isOpen },
    request,
    async ({ top, least: min, limit }) => {
      const rows = await db.query(
        `
        select refunds.id, refunds.order_id, refunds.amount_cents, refunds.reason, refunds.failure_reason,
          refunds.status, refunds.idempotency_key, refunds.created_at, refunds.processed_at,
          refunds.itemized, refunds.by_hand,
          orders.external_order_id, orders.currency, orders.total_cents, customers.external_id,
          customers.guest, customers.name, coalesce(orders.recipient_name, customers.first_name) as recipient_name
        from refunds force index (${isOpen ? "refunds_unfinished" : "primary"})
        straight_join orders on orders.id = refunds.order_id
        straight_join customers on customers.id = orders.customer_id
        where refunds.id <= ? and refunds.id >= ? ${given.map(([sql]) => `and ${sql}`).join(" ")}
        order by refunds.id desc
        limit ?`,
        [top, min, ...given.map(([, value]) => value!), limit],
      );
      return rows.map(toListedRefund);
    },
  );
  return { refunds, nextBeforeId };
}

function toListedRefund(row: Row): ListedRefund {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    externalOrderId: String(row.external_order_id),
    customerExternalId: toInteger(row.guest) === 1 ? null : String(row.external_id),
    customerName: String(row.name),
    recipientName: String(row.recipient_name),
    currency: String(row.currency),
    amountCents: toInteger(row.amount_cents),
    totalCents: toInteger(row.total_cents),
    reason: row.reason as string | null,
    failureReason: row.failure_reason as string | null,
    status: row.status as RefundStatus,
    byHand: toInteger(row.by_hand) > 0,
    idempotencyKey: callersKey(row.idempotency_key as string | null),
    createdAt: toIsoTime(row.created_at)!,
    processedAt: toIsoTime(row.processed_at),
    itemized: toInteger(row.itemized) === 1,
  };
}
