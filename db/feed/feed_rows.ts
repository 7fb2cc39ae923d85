/**
 * The two sources of the feed: the timelines of all orders and of all products.
 *
 * Ids go up, but transactions end in another order than they took ids, so rows are read as `db/orders/order_changes.ts` reads
 * them: with a shared lock, which waits for the transactions that have written among them, and only those that are older than
 * it takes a statement to write its row. Both sources are read up to the same moment.
 *
 * @module
 */

import { isErasedId } from "../../domain/customer/erased_customer.ts";
import type { EventSource } from "../../domain/feed/event_id.ts";
import type { MovementStep } from "../../domain/feed/event_types.ts";
import type { FeedRow } from "../../domain/feed/merge_feed.ts";
import { withArchivedSteps } from "../archive/archived_steps.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { settledMs } from "../orders/order_changes.ts";

/** A step of an order. */
export interface FeedStep extends FeedRow {
  orderId: number;
  refundId: number | null;
  event: string;
  detail: string | null;
}

/** A movement of a product. */
export interface FeedMovement extends FeedRow {
  kind: MovementStep;
  sku: string;
  qty: number;
  stockQty: number;
  orderId: number | null;
  refundId: number | null;
}

/** Up to when the sources can be read: nothing that was written before can still be missing. UTC, as the database has it. */
export async function readFeedHorizon(db: Queryable): Promise<string> {
  const [row] = await db.execute(
    `select current_timestamp(6) - interval ${settledMs * 1_000} microsecond as horizon`,
  );
  return String(row!.horizon);
}

/** Which rows of a source are read. */
export interface FeedPage {
  afterId: number;
  /** Of {@linkcode readFeedHorizon}. */
  horizon: string;
  limit: number;
}

/** The next steps of all orders, as far as nothing can come in between any more. */
export async function readFeedSteps(
  db: Queryable,
  { afterId, horizon, limit }: FeedPage,
): Promise<FeedStep[]> {
  const rows = await db.query(
    `
    select id, order_id, refund_id, event, detail, created_at, created_at < ? as is_settled
    from order_events force index (primary)
    where id > ?
    order by id
    limit ?
    lock in share mode`,
    [horizon, afterId, limit],
  );
  const columns = "id, order_id, refund_id, event, detail, created_at";
  return (await withArchivedSteps(db, rows, { afterId, limit, columns })).map(toStep);
}

/** The next movements of all products, likewise. */
export async function readFeedMovements(
  db: Queryable,
  { afterId, horizon, limit }: FeedPage,
): Promise<FeedMovement[]> {
  const rows = await db.query(
    `
    select id, product_id, kind, qty, stock_qty, order_id, refund_id, created_at,
      created_at < ? as is_settled
    from stock_movements force index (primary)
    where id > ?
    order by id
    limit ?
    lock in share mode`,
    [horizon, afterId, limit],
  );
  return await withSkus(db, settled(rows));
}

/** Rows by their ids, whatever their age: they were told before. */
export async function readFeedRows(
  db: Queryable,
  sources: readonly Pick<EventSource, "from" | "rowId">[],
): Promise<{ steps: FeedStep[]; movements: FeedMovement[] }> {
  const idsOf = (from: EventSource["from"]) => [
    ...new Set(sources.filter((source) => source.from === from).map(({ rowId }) => rowId)),
  ];
  const stepIds = idsOf("step");
  const movementIds = idsOf("movement");
  const steps = stepIds.length === 0 ? [] : await readEverywhere(
    db,
    `
    select id, order_id, refund_id, event, detail, created_at
    from order_events force index (primary)
    where id in (?)`,
    [stepIds],
  );
  const movements = movementIds.length === 0 ? [] : await db.query(
    `
    select id, product_id, kind, qty, stock_qty, order_id, refund_id, created_at
    from stock_movements force index (primary)
    where id in (?)`,
    [movementIds],
  );
  return { steps: steps.map(toStep), movements: await withSkus(db, movements) };
}

/** What the feed says of an order. */
export interface FeedOrder {
  externalOrderId: string;
  /** Null of a guest, and of somebody who was erased. */
  customer: string | null;
  currency: string;
  totalCents: number;
  /** Whether it holds or held units. */
  isReserved: boolean;
}

/** What the feed says of orders, by their ids. */
export async function readFeedOrders(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, FeedOrder>> {
  const ids = [...new Set(orderIds)];
  if (ids.length === 0) return new Map();
  const rows = await db.query(
    `
    select orders.id, orders.external_order_id, orders.currency, orders.total_cents,
      orders.reserved_at is not null as is_reserved, customers.external_id, customers.guest
    from orders force index (primary)
    straight_join customers on customers.id = orders.customer_id
    where orders.id in (?)`,
    [ids],
  );
  return new Map(rows.map((row) => {
    const externalId = String(row.external_id);
    const isNobody = toInteger(row.guest) === 1 || isErasedId(externalId);
    return [toInteger(row.id), {
      externalOrderId: String(row.external_order_id),
      customer: isNobody ? null : externalId,
      currency: String(row.currency),
      totalCents: toInteger(row.total_cents),
      isReserved: toInteger(row.is_reserved) === 1,
    }];
  }));
}

/** The highest ids of both sources, be they read or not: what is written from now on is mostly above. */
export async function readFeedEnd(
  db: Queryable,
): Promise<{ stepId: number; movementId: number }> {
  const [row] = await db.execute(
    `
    select (select coalesce(max(id), 0) from order_events) as step_id,
      (select coalesce(max(id), 0) from stock_movements) as movement_id`,
  );
  return { stepId: toInteger(row!.step_id), movementId: toInteger(row!.movement_id) };
}

function settled(rows: Row[]): Row[] {
  const end = rows.findIndex((row) => toInteger(row.is_settled) === 0);
  return end < 0 ? rows : rows.slice(0, end);
}

function toStep(row: Row): FeedStep {
  return {
    id: toInteger(row.id),
    writtenAt: String(row.created_at),
    orderId: toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    event: String(row.event),
    detail: row.detail === null ? null : String(row.detail),
  };
}

/** The products are read apart: the lock is for the movements alone, and reserving orders lock products. */
async function withSkus(db: Queryable, rows: readonly Row[]): Promise<FeedMovement[]> {
  if (rows.length === 0) return [];
  const ids = [...new Set(rows.map((row) => toInteger(row.product_id)))];
  const products = await db.query("select id, sku from products where id in (?)", [ids]);
  const skus = new Map(products.map(({ id, sku }) => [toInteger(id), String(sku)]));
  return rows.map((row) => ({
    id: toInteger(row.id),
    writtenAt: String(row.created_at),
    kind: row.kind as MovementStep,
    sku: skus.get(toInteger(row.product_id))!,
    qty: toInteger(row.qty),
    stockQty: toInteger(row.stock_qty),
    orderId: row.order_id === null ? null : toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
  }));
}
