/**
 * The feed: everything that happens to orders, payments, refunds and stock, in one order that never changes.
 *
 * Nothing writes it. It is made of the timelines that every change writes to in its own transaction anyway, so it has what was
 * committed and nothing else, costs orders nothing, and holds no name: who was erased is in none of it.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { toIsoTime } from "../../db/connection/database.ts";
import {
  type FeedMovement,
  type FeedOrder,
  type FeedStep,
  readFeedHorizon,
  readFeedMovements,
  readFeedOrders,
  readFeedRows,
  readFeedSteps,
} from "../../db/feed/feed_rows.ts";
import { readOrderLines } from "../../db/orders/order_lines.ts";
import { readRefunds } from "../../db/refunds/refund_rows.ts";
import { eventId, type EventSource, parseEventId } from "../../domain/feed/event_id.ts";
import { eventsOfStep, type EventType } from "../../domain/feed/event_types.ts";
import type { FeedEvent, OrderEventData, StockEventData } from "../../domain/feed/feed_event.ts";
import type { FeedPosition } from "../../domain/feed/feed_position.ts";
import { mergeFeed } from "../../domain/feed/merge_feed.ts";
import { maxLines } from "../../domain/order/order_lines.ts";

/** Rows of each source that are read at once, and of how many of both at most a page is made. */
const rows = { atOnce: 500, most: 20_000 } as const;

/** An event's place in the feed, before it is read what it says. */
export interface FoundEvent extends EventSource {
  id: string;
  /** When it was written, as the database has it. */
  writtenAt: string;
  /** Behind it. */
  after: FeedPosition;
}

/** What is looked for. */
export interface FeedSearch {
  after: FeedPosition;
  limit: number;
  /** Only these; all where it is not said. */
  isWanted?: (type: EventType) => boolean;
  /** Not before, UTC. */
  since?: string;
}

/** A part of the feed. */
export interface FoundPage {
  events: FoundEvent[];
  /** Where it goes on, be it now or later: nothing that is committed later comes before. */
  next: FeedPosition;
  /** Whether more may be there already. */
  hasMore: boolean;
}

/** Finds the next events. What they say is read by {@linkcode readEvents}. */
export async function findEvents(
  db: Database,
  { after, limit, isWanted = () => true, since = "" }: FeedSearch,
): Promise<FoundPage> {
  const horizon = await readFeedHorizon(db);
  const events: FoundEvent[] = [];
  let next = after;
  for (let read = 0; read < rows.most;) {
    const merged = await readMerged(db, next, horizon);
    if (merged.length === 0) return { events, next, hasMore: false };
    read += merged.length;
    for (const { source, types } of merged) {
      const { writtenAt, from, rowId } = source;
      const passed = from === "step"
        ? { ...next, stepId: rowId, told: 0 }
        : { ...next, movementId: rowId };
      const first = from === "step" ? next.told : 0;
      for (const [index, type] of types.entries()) {
        if (index < first || writtenAt < since || !isWanted(type)) continue;
        if (events.length === limit) return { events, next, hasMore: true };
        const isLast = index === types.length - 1;
        next = isLast ? passed : { ...next, told: index + 1 };
        events.push({
          from,
          rowId,
          type,
          writtenAt,
          id: eventId({ from, rowId, type }),
          after: next,
        });
      }
      next = passed;
    }
  }
  return { events, next, hasMore: true };
}

/** A row of the feed with all its events. */
interface MergedRow {
  source: { from: EventSource["from"]; rowId: number; writtenAt: string };
  types: readonly EventType[];
}

/** The next rows of both sources in one order. */
async function readMerged(
  db: Database,
  { stepId, movementId }: FeedPosition,
  horizon: string,
): Promise<MergedRow[]> {
  const limit = rows.atOnce;
  const steps = await readFeedSteps(db, { afterId: stepId, horizon, limit });
  const movements = await readFeedMovements(db, { afterId: movementId, horizon, limit });
  const cancelled = steps.filter(({ event }) => event === "cancelled");
  const ended = await readFeedOrders(db, cancelled.map(({ orderId }) => orderId));
  return mergeFeed(
    { rows: steps, hasMore: steps.length === limit },
    { rows: movements, hasMore: movements.length === limit },
  ).map((row) => {
    if ("movement" in row) {
      const { id: rowId, writtenAt, kind } = row.movement;
      return { source: { from: "movement", rowId, writtenAt }, types: [`stock.${kind}`] };
    }
    const { id: rowId, writtenAt, orderId, refundId, event, detail } = row.step;
    const isReserved = event !== "cancelled" || (ended.get(orderId)?.isReserved ?? false);
    const types = eventsOfStep({ event, detail, isReserved, isOfRefund: refundId !== null });
    return { source: { from: "step", rowId, writtenAt }, types };
  });
}

/**
 * What events say, by their ids, in that order; those are missing whose rows are gone. By four statements at most, however
 * many they are.
 */
export async function readEvents(db: Database, ids: readonly string[]): Promise<FeedEvent[]> {
  const sources = ids.flatMap((id) => {
    const source = parseEventId(id);
    return source === undefined ? [] : [{ ...source, id }];
  });
  const found = await readFeedRows(db, sources);
  const steps = new Map(found.steps.map((step) => [step.id, step]));
  const movements = new Map(found.movements.map((movement) => [movement.id, movement]));
  const orders = await readFeedOrders(db, found.steps.map(({ orderId }) => orderId));
  const refunds = await readRefunds(
    db,
    [...new Set(found.steps.flatMap(({ refundId }) => refundId ?? []))],
  );
  const withUnits = sources.filter(({ from, type }) => from === "step" && isOfStock(type))
    .flatMap(({ rowId }) => steps.get(rowId)?.orderId ?? []);
  const lines = withUnits.length === 0
    ? new Map()
    : await readOrderLines(db, withUnits, { limit: maxLines });
  return sources.flatMap(({ id, from, rowId, type }): FeedEvent[] => {
    const row = from === "step" ? steps.get(rowId) : movements.get(rowId);
    if (row === undefined) return [];
    const head = { id, timestamp: toIsoTime(row.writtenAt)!, sequence: row.id };
    const own = { id: head.id, type, timestamp: head.timestamp, sequence: head.sequence };
    if (from === "movement") {
      return [{ ...own, data: movementData(row as FeedMovement) } as FeedEvent];
    }
    const step = row as FeedStep;
    const order = orders.get(step.orderId);
    if (order === undefined) return [];
    const data = isOfStock(type)
      ? unitsData(step, type, lines.get(step.orderId))
      : orderData(step, type, order, refunds.get(step.refundId ?? 0));
    return [{ ...own, data } as FeedEvent];
  });
}

function isOfStock(type: EventType): boolean {
  return type.startsWith("stock.");
}

/** Events that tell why an order failed. */
const withReason: ReadonlySet<EventType> = new Set([
  "order.short",
  "order.failed",
  "order.settled",
  "payment.declined",
  "payment.timed_out",
]);

function orderData(
  { orderId, refundId, event, detail }: FeedStep,
  type: EventType,
  order: FeedOrder,
  refund: { amountCents: number } | undefined,
): OrderEventData {
  const isFailure = event === "failed" && withReason.has(type);
  return {
    order_id: orderId,
    external_order_id: order.externalOrderId,
    customer_id: order.customer,
    refund_id: refundId,
    failure_reason: isFailure ? detail as OrderEventData["failure_reason"] : null,
    currency: order.currency,
    amount_cents: refund?.amountCents ?? order.totalCents,
    total_cents: order.totalCents,
  };
}

function unitsData(
  { orderId }: FeedStep,
  type: EventType,
  lines: { itemCount: number; items: readonly { sku: string; qty: number }[] } | undefined,
): StockEventData {
  const sign = type === "stock.reserved" ? -1 : 1;
  return {
    order_id: orderId,
    refund_id: null,
    item_count: lines?.itemCount ?? 0,
    items: (lines?.items ?? []).map(({ sku, qty }) => ({ sku, qty: sign * qty, stock_qty: null })),
  };
}

function movementData({ orderId, refundId, sku, qty, stockQty }: FeedMovement): StockEventData {
  return {
    order_id: orderId,
    refund_id: refundId,
    item_count: 1,
    items: [{ sku, qty, stock_qty: stockQty }],
  };
}
