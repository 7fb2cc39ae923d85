/**
 * What must hold at the end of every scenario.
 *
 * @module
 */

import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { lanes } from "../../../domain/messages/lane.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { isDrained } from "../../../streams/run_consumers.ts";
import { revenueOf } from "./feed.ts";
import { willBePaid } from "./orders.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { until } from "./until.ts";

/** What the database should hold. */
export interface Expected {
  /** Every order that was brought, all with stock to spare. */
  orders: readonly IncomingOrder[];
  /** Dead letters that nobody has decided about; default 0. */
  deadLetters?: number;
  /** Cents that were given back. */
  refundedCents?: number;
}

/** Longest wait for the end of all work after the last fault, in milliseconds. */
const settleMs = 60_000;

/** Longest time for a stop in order, whatever the settings say. */
const stopMs = 30_000;

/** Waits until every order and refund is finished and the streams are empty. */
export async function settled(stage: Stage, withinMs = settleMs): Promise<number> {
  return await until("all work is done", withinMs, async () => {
    const [row] = await stage.db.query(`
      select
        (select count(*) from orders where unfinished = 1) as orders,
        (select count(*) from refunds where unfinished = 1) as refunds,
        (select count(*) from payments where status = 'REVERSING') as reversals`);
    const open = Number(row!.orders) + Number(row!.refunds) + Number(row!.reversals);
    if (open > 0) {
      return `${row!.orders} orders, ${row!.refunds} refunds, ${row!.reversals} reversals are open`;
    }
    return await isDrained({ redis: stage.client, keys: stage.keys }, groups) ||
      "messages are left in the streams";
  });
}

/**
 * Proves the end of a scenario, with consumers still running: everything is finished within a bound; the
 * consumers stop in order; `verify` finds no drift; and the database holds exactly the orders that were
 * brought, each as its total demands, and the day's revenue in Redis is the sum of those that were paid.
 */
export async function verifyNow(
  stage: Stage,
  consumers: readonly Process[],
  expected: Expected,
): Promise<void> {
  const { db, figures } = stage;
  const settleMs = await settled(stage);
  figures.notes.push(`settled ${(settleMs / 1_000).toFixed(1)} s after the last fault`);
  await stopInOrder(consumers);
  await stage.run("verify", [], stage.directEnv);

  const { orders, deadLetters = 0, refundedCents = 0 } = expected;
  const paid = orders.filter(willBePaid).length;
  const [sums] = await db.query(`
    select
      (select count(*) from orders) as orders,
      (select count(*) from orders where status = 'PAID') as paid,
      (select count(*) from orders where failure_reason = 'payment_declined') as declined,
      (select coalesce(sum(refunded_cents), 0) from orders) as refunded_cents,
      (select count(*) from dead_letters where status = 'DEAD') as dead_letters,
      (select count(*) from notification_logs where refund_id is null) as notices`);
  const found = Object.fromEntries(
    Object.entries(sums!).map(([name, value]) => [name, Number(value)]),
  );
  equal("the database", found, {
    orders: orders.length,
    paid,
    declined: orders.length - paid,
    refunded_cents: refundedCents,
    dead_letters: deadLetters,
    notices: orders.length,
  });
  const revenue = await sumOfFigure(stage, "revenue_cents");
  equal("the revenue in Redis", revenue, revenueOf(orders) - refundedCents);
  equal("the money that waits in empty queues", await moneyWaiting(stage), 0);
  figures.orders = orders.length;
  figures.redeliveries = countTakenOver(stage.processes) + await countRetried(stage);
}

/** Sends SIGTERM and expects an end in order. */
export async function stopInOrder(consumers: readonly Process[]): Promise<void> {
  for (const consumer of consumers) consumer.kill("SIGTERM");
  for (const consumer of consumers) {
    const { code, signal } = await consumer.endedWithin(stopMs);
    if (code !== 0) {
      const tail = consumer.messages.slice(-5).join("\n");
      throw new Error(`${consumer.task} ended with ${signal ?? code} after SIGTERM:\n${tail}`);
    }
  }
}

/** @throws {Error} unless both say the same */
export function equal(what: string, found: unknown, wanted: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: expected ${right}, found ${left}`);
}

/** A figure of the base currency, all days together: a run may pass midnight. */
async function sumOfFigure({ client }: Stage, figure: string): Promise<number> {
  let sum = 0;
  for (const key of await client.keys(`kpi:*:${figure}`)) sum += Number(await client.get(key));
  return sum;
}

/** Cents that the queues say they hold. */
async function moneyWaiting({ client, keys }: Stage): Promise<number> {
  let cents = 0;
  for (const group of groups) {
    for (const lane of lanes) {
      for (const amount of Object.values(await client.hgetall(keys.weights(group, lane)))) {
        cents += Math.abs(Number(amount));
      }
    }
  }
  return cents;
}

function countTakenOver(processes: readonly Process[]): number {
  return processes.flatMap(({ log }) => log)
    .filter(({ event }) => event === "work taken over")
    .reduce((sum, { fields }) => sum + Number(fields.messages), 0);
}

/** Since Redis last lost its counters. */
async function countRetried({ client, keys }: Stage): Promise<number> {
  let retried = 0;
  for (const group of groups) {
    retried += Number(await client.hget(keys.stats(group), "retried") ?? 0);
  }
  return retried;
}
