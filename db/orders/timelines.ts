/**
 * The timeline of orders.
 *
 * @module
 */

import { bringerOf } from "../../domain/order/bringer.ts";
import type { TimelineStep } from "../../domain/order/timeline_step.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";

/** One step in an order's life. */
export interface OrderEventRow {
  orderId: number;
  refundId?: number;
  event: TimelineStep;
  /** A reason or an amount, for people; cut to {@linkcode maxDetailLength} characters. */
  detail?: string;
  /** Delivery count of the message behind it. */
  attempt?: number;
  /** Who takes the step, where it is not the one who takes the others. */
  actor?: string;
}

/** Characters of a detail that are kept. */
const maxDetailLength = 255;

/**
 * Adds steps to the timelines, in the transaction of the steps themselves.
 *
 * @param actor the consumer, command or caller that takes the steps
 */
export async function addOrderEvents(
  tx: Queryable,
  events: readonly OrderEventRow[],
  actor: string,
): Promise<void> {
  if (events.length === 0) return;
  const { insertId } = await tx.run(
    `
    insert into order_events (order_id, refund_id, event, detail, actor, attempt)
    select step.order_id, step.refund_id, step.event, step.detail,
      coalesce(step.actor, ?), step.attempt
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      refund_id bigint unsigned path '$[1]',
      event varchar(32) character set ascii path '$[2]',
      detail varchar(255) character set utf8mb4 path '$[3]',
      attempt int path '$[4]',
      actor varchar(128) character set utf8mb4 path '$[5]')) step`,
    [
      actor,
      JSON.stringify(
        events.map(({ orderId, refundId, event, detail, attempt, actor: own }) => [
          orderId,
          refundId ?? null,
          event,
          detail === undefined ? null : cutText(detail, maxDetailLength),
          attempt ?? 1,
          own ?? null,
        ]),
      ),
    ],
  );
  tx.noteStep?.(insertId);
}

/** Who brought orders, by their ids and timelines; those are missing of which it does not say. */
export async function readBringers(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, string>> {
  const bringers = new Map<number, string>();
  if (orderIds.length === 0) return bringers;
  const rows = await readEverywhere(
    db,
    `
    select id, order_id, actor
    from order_events force index (order_events_order)
    where order_id in (?) and event = 'created'`,
    [[...orderIds]],
    "order by id desc",
  );
  // The first step of each comes last.
  for (const row of rows) bringers.set(toInteger(row.order_id), bringerOf(String(row.actor)));
  return bringers;
}

/** Who brought an order, by its timeline; null where that does not say. */
export async function readBringer(db: Queryable, orderId: number): Promise<string | null> {
  const [row] = await readEverywhere(
    db,
    `
    select id, actor
    from order_events force index (order_events_order)
    where order_id = ? and event = 'created'`,
    [orderId],
    "order by id limit 1",
  );
  return row === undefined ? null : bringerOf(String(row.actor));
}

/** Which of some steps an order has taken, each once; those of one of its refunds alone, where it is named. */
export async function readEventsAmong(
  db: Queryable,
  orderId: number,
  events: readonly OrderEventRow["event"][],
  refundId?: number,
): Promise<OrderEventRow["event"][]> {
  const rows = await db.query(
    "select distinct event from order_events force index (order_events_order) " +
      `where order_id = ? and event in (?) ${refundId === undefined ? "" : "and refund_id = ?"}`,
    [orderId, [...events], ...(refundId === undefined ? [] : [refundId])],
  );
  return rows.map(({ event }) => event as OrderEventRow["event"]);
}
