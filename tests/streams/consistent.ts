/**
 * What must be true of the database and the figures whatever happened, told by plain SQL; and ways to make
 * time pass without waiting.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  decodeMessage,
  type Group,
  groups,
  type Message,
  messageOfEntry,
} from "../../domain/messages/messages.ts";
import { kpiFigureNames } from "../../domain/kpi/kpi_table.ts";
import { type Lane, lanes } from "../../domain/messages/lane.ts";
import { verify } from "../../streams/verification/verify.ts";
import type { Workflow } from "../workflow.ts";

/** Every group in each of its lanes. */
const queues: readonly (readonly [Group, Lane])[] = groups.flatMap((group) =>
  lanes.map((lane) => [group, lane] as const)
);

/**
 * Asserts, once everything is drained, that stock, payments, refunds, figures, leaderboard, notices and
 * timelines agree and that every effect happened once; then asks `verify` for the same.
 */
export async function assertConsistent(flow: Workflow): Promise<void> {
  assert.deepEqual(await stockFaults(flow), [], "stock");
  assert.deepEqual(await moneyFaults(flow), [], "money");
  assert.deepEqual(await notificationFaults(flow), [], "notices");
  assert.deepEqual(await repeatedSteps(flow), [], "steps in the timelines");
  assert.deepEqual(await storedFigures(flow), await expectedFigures(flow));
  for (const [group, lane] of queues) {
    const money = await flow.redis.hgetall(flow.keys.weights(group, lane));
    for (const [currency, cents] of Object.entries(money)) {
      assert.equal(cents, "0", `${currency} that waits in ${group} ${lane}`);
    }
    const parked = await flow.redis.zcard(flow.keys.retries(group, lane));
    assert.equal(parked, 0, `parked in ${group} ${lane}`);
    const errors = await flow.redis.hlen(flow.keys.errors(group, lane));
    assert.equal(errors, 0, `errors of ${group} ${lane}`);
  }
  const report = await verify(flow, { settleMs: 0 });
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

function stockFaults({ rows }: Workflow) {
  return rows(`
    select products.sku, products.stock_qty, products.received_qty, coalesce(held.qty, 0) as held,
      coalesce(back.qty, 0) as back
    from products
    left join (
      select order_items.product_id, sum(order_items.qty) as qty
      from order_items
      join orders on orders.id = order_items.order_id
      where orders.status in ('RESERVED', 'PAID')
      group by order_items.product_id
    ) held on held.product_id = products.id
    left join (
      select order_items.product_id, sum(refund_lines.qty) as qty
      from refund_lines
      join refunds on refunds.id = refund_lines.refund_id
      join order_items on order_items.id = refund_lines.order_item_id
      where refund_lines.restock = 1 and (refunds.status = 'PROCESSED'
        or exists (select 1 from returned_refunds where returned_refunds.refund_id = refunds.id))
      group by order_items.product_id
    ) back on back.product_id = products.id
    where products.stock_qty < 0
      or products.received_qty - products.stock_qty <> coalesce(held.qty, 0) - coalesce(back.qty, 0)`);
}

function moneyFaults({ rows }: Workflow) {
  return rows(`
    select orders.id, orders.status, orders.total_cents, orders.refunded_cents
    from orders
    left join (
      select order_id, sum(status = 'SUCCEEDED') as succeeded, 
        sum(case status when 'SUCCEEDED' then amount_cents end) as cents
      from payments
      group by order_id
    ) paid on paid.order_id = orders.id
    left join (
      select order_id, sum(case status when 'PROCESSED' then amount_cents else 0 end) as processed,
        sum(case status when 'FAILED' then 0 else amount_cents end) as claimed
      from refunds
      group by order_id
    ) back on back.order_id = orders.id
    where (orders.status = 'PAID') <> (coalesce(paid.succeeded, 0) = 1)
      or (orders.status = 'PAID' and paid.cents <> orders.total_cents)
      or coalesce(back.processed, 0) <> orders.refunded_cents
      or coalesce(back.claimed, 0) > orders.total_cents`);
}

function notificationFaults({ rows }: Workflow) {
  return rows(`
    select due.order_id, due.event, count(notification_logs.id) as notices
    from (
      select id as order_id, concat('order.', lower(status),
        if(status = 'FAILED' and retries > 0, concat(':', retries), '')) as event
      from orders
      where status in ('PAID', 'FAILED', 'CANCELLED')
      union all
      select order_id, concat('refund.', lower(status), ':', id)
      from refunds
      where status <> 'REQUESTED'
    ) due
    left join notification_logs on notification_logs.order_id = due.order_id
      and notification_logs.event = convert(due.event using ascii) collate ascii_bin
    group by due.order_id, due.event
    having count(notification_logs.id) <> 1
    union all
    select order_id, event, 0
    from notification_logs
    where channel <> 'log'`);
}

/** Steps that happened more than once, and ends of orders that are missing from their timelines. */
function repeatedSteps({ rows }: Workflow) {
  return rows(`
    select order_id, event, refund_id, count(*) as times
    from order_events
    join orders on orders.id = order_events.order_id
    group by order_id, event, refund_id, case when event like 'payment%' or event like 'chargeback%' then detail end,
      case when event = 'edited' then order_events.id end, orders.retries, orders.revision
    having count(*) > 1
      + case when event in ('failed', 'backordered', 'retried') then orders.retries else 0 end
      + case when event in ('reserved', 'backordered') then orders.revision else 0 end
    union all
    select orders.id, orders.status, null, 0
    from orders
    left join order_events on order_events.order_id = orders.id
      and order_events.event = convert(lower(orders.status) using ascii) collate ascii_bin
    where orders.status <> 'PENDING' and order_events.id is null`);
}

/** Every figure and score that is not 0, by its key or its leaderboard and member. */
export type Figures = Record<string, number>;

/** What the books say. */
async function expectedFigures({ rows, keys, kpiDay }: Workflow): Promise<Figures> {
  const figures: Figures = {};
  const add = (name: string, cents: number) => figures[name] = (figures[name] ?? 0) + cents;
  const revenue = new Map<string, { cents: number; orders: number }>();
  const orders = await rows(`
    select orders.status, orders.currency, orders.customer_id, orders.total_cents, orders.settled_at,
      count(refunds.id) as refunds, coalesce(sum(refunds.amount_cents), 0) as refunded
    from orders
    left join refunds on refunds.order_id = orders.id and refunds.status = 'PROCESSED'
    where orders.status in ('PAID', 'FAILED')
    group by orders.id, orders.status, orders.currency, orders.customer_id, orders.total_cents,
      orders.settled_at`);
  for (const row of orders) {
    const day = kpiDay(String(row.settled_at));
    const currency = String(row.currency);
    const key = (figure: Parameters<typeof keys.kpiFigure>[2]) =>
      keys.kpiFigure(day, currency, figure);
    if (row.status === "FAILED") {
      add(key("failed_order_count"), 1);
      continue;
    }
    const left = Number(row.total_cents) - Number(row.refunded);
    add(key("order_count"), 1);
    add(key("revenue_cents"), left);
    add(key("refund_count"), Number(row.refunds));
    add(key("refund_amount_cents"), Number(row.refunded));
    add(`${keys.leaderboard(currency)} ${row.customer_id}`, left);
    const sum = revenue.get(key("avg_order_value_cents")) ?? { cents: 0, orders: 0 };
    revenue.set(key("avg_order_value_cents"), {
      cents: sum.cents + left,
      orders: sum.orders + 1,
    });
  }
  for (const row of await chargebackMoves(rows)) {
    const day = kpiDay(String(row.happened_at));
    const currency = String(row.currency);
    const cents = Number(row.amount_cents);
    const key = (figure: Parameters<typeof keys.kpiFigure>[2]) =>
      keys.kpiFigure(day, currency, figure);
    if (row.kind === "opened") add(key("chargeback_count"), 1);
    if (row.kind === "opened" || row.kind === "changed") {
      add(key("chargeback_amount_cents"), cents);
      continue;
    }
    add(key("revenue_cents"), -cents);
    add(`${keys.leaderboard(currency)} ${row.customer_id}`, -cents);
    const sum = revenue.get(key("avg_order_value_cents"));
    if (sum !== undefined) sum.cents -= cents;
  }
  for (const [name, { cents, orders }] of revenue) figures[name] = Math.floor(cents / orders);
  return withoutZeros(figures);
}

function chargebackMoves(rows: Workflow["rows"]) {
  return rows(`
    select kind, chargeback_movements.currency, chargeback_movements.amount_cents, happened_at, orders.customer_id
    from chargeback_movements
    join chargebacks on chargebacks.id = chargeback_movements.chargeback_id
    join orders on orders.id = chargeback_movements.order_id
    where kind in ('opened', 'changed') or lowers_revenue = 'opened'
      or (lowers_revenue = 'lost' and kind = 'lost')`);
}

/** What Redis says. */
export async function storedFigures({ redis, keys }: Workflow): Promise<Figures> {
  const figures: Figures = {};
  for (const key of await redis.keys(`${keys.kpi}*`)) {
    assert.ok(kpiFigureNames.some((figure) => key.endsWith(`:${figure}`)), `${key} is a figure`);
    figures[key] = Number(await redis.get(key));
  }
  for (const board of await redis.keys(`${keys.prefix}leaderboard:customers*`)) {
    const flat = await redis.zrange(board, "0", "-1", "WITHSCORES");
    for (let i = 0; i < flat.length; i += 2) figures[`${board} ${flat[i]}`] = Number(flat[i + 1]);
  }
  return withoutZeros(figures);
}

function withoutZeros(figures: Figures): Figures {
  return Object.fromEntries(
    Object.entries(figures).filter(([, value]) => value !== 0).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** Every message that a stream or a schedule holds. */
export async function messagesOf(flow: Workflow): Promise<Message[]> {
  const messages: Message[] = [];
  const note = (message: Message | string) => {
    if (typeof message !== "string") messages.push(message);
  };
  for (const [group, lane] of queues) {
    for (const [, fields] of await flow.redis.xrange(flow.keys.stream(group, lane), "-", "+")) {
      note(messageOfEntry(fields));
    }
    for (const member of await flow.redis.zrange(flow.keys.scheduled(group, lane), "0", "-1")) {
      note(decodeMessage(member));
    }
  }
  return messages;
}

/** Lets the time come for whatever is delayed or scheduled. */
export async function makeDue({ redis, keys }: Pick<Workflow, "redis" | "keys">): Promise<void> {
  for (const [group, lane] of queues) {
    for (const key of [keys.retries(group, lane), keys.scheduled(group, lane)]) {
      for (const member of await redis.zrange(key, "0", "-1")) await redis.zadd(key, 0, member);
    }
  }
}

/** Lets whoever holds messages of a group have been silent for a while. */
export async function orphan(
  { redis, keys }: Workflow,
  group: Group,
  idleMs = 60_000,
  lane: Lane = "live",
): Promise<void> {
  const stream = keys.stream(group, lane);
  const pending = await redis.xpending(stream, group, "-", "+", 10_000) as [string, string][];
  for (const [id, owner] of pending) {
    await redis.call("XCLAIM", stream, group, owner, 0, id, "IDLE", idleMs, "JUSTID");
  }
}

/** What is pending of a group: owner and deliveries by id. */
export async function pendingOf(
  { redis, keys }: Workflow,
  group: Group,
): Promise<Map<string, { owner: string; idleMs: number; deliveries: number }>> {
  const rows = await redis.xpending(keys.stream(group), group, "-", "+", 10_000) as [
    string,
    string,
    number,
    number,
  ][];
  return new Map(
    rows.map(([id, owner, idleMs, deliveries]) => [id, { owner, idleMs, deliveries }]),
  );
}
