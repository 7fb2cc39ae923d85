/**
 * How long one order takes, measured without asking again and again whether it is there yet.
 *
 * On an idle system: publishing to settled. A second connection waits in a blocking XREAD on the
 * `notifications` stream, and Redis answers it in the moment in which the order's notification is enqueued. By
 * then the order is `PAID` in the database and counted in the figures, so this is a little more than the
 * time to the commit.
 *
 * At a steady rate notifications come and go faster than such a reader can follow, so it is publishing to told:
 * the moment that the notification's row carries. That is a whole stage more.
 *
 * @module
 */

import { takeOrders } from "../../streams/intake/take_orders.ts";
import { toInteger } from "../../db/connection/database.ts";
import { messageOfEntry, orderIdOf } from "../../domain/messages/messages.ts";
import { openBlockingRedis, type RedisClient } from "../../streams/redis/redis.ts";
import { type Enqueued, publish } from "../../streams/workflow/publish.ts";
import { exactQuantile, type Figure, figure } from "./figures.ts";
import { ampleStock } from "../orders/order_rows.ts";
import { syntheticOrder } from "../orders/orders_file.ts";
import { type Deployment, expectVerified, openDeployment, type Stage, startTask } from "./stage.ts";

/** Orders that are timed, one after the other. */
const timedOrders = 300;

/** Orders before them: a process that just started is slower, and a service rarely just started. */
const warmUpOrders = 50;

/** Pause between two orders, so that the one before has left every group. */
const pauseMs = 10;

/** The steady load: orders a second, for so many seconds, of which the first is not counted. */
const steadyPerSecond = 500;
const steadySeconds = 4;

/** Orders to one transaction while the database is filled. */
const ordersPerTake = 1_000;

/** Longest wait for one order. */
const waitMs = 10_000;

/**
 * Measures single orders on an idle system. Each is taken right before it is published: one that waited would be found by
 * the proof that a process makes of all orders, and be published by that.
 */
export function benchLatency(stage: Stage): Promise<Figure[]> {
  return benchPaced(stage, "latency, idle", 0, async (deployment) => {
    const times: number[] = [];
    const blocking = await openBlockingRedis(deployment.redisUrl);
    const count = warmUpOrders + timedOrders;
    try {
      const reader = await blocking.client("ID");
      for (let number = 0; number < count; number++) {
        const [order] = await takeSyntheticOrders(deployment, number, 1, count);
        const notification = nextNotification(blocking, deployment);
        await untilWaiting(deployment.redis, reader);
        const start = performance.now();
        await publish(deployment, [order!], { oncePerOrder: true });
        const orderId = await notification;
        times.push(performance.now() - start);
        if (orderId !== orderIdOf(order!.message)) {
          throw new Error(
            `Order ${orderId} was settled instead of order ${orderIdOf(order!.message)}`,
          );
        }
        await sleep(pauseMs);
      }
    } finally {
      blocking.disconnect();
    }
    return times.slice(warmUpOrders);
  });
}

/** Measures orders that come at a steady rate. */
export function benchSteady(stage: Stage): Promise<Figure[]> {
  const scenario = `latency at ${steadyPerSecond} orders/s, to told`;
  return benchPaced(
    stage,
    scenario,
    steadyPerSecond * steadySeconds,
    async (deployment, orders) => {
      const published = new Map<number, number>();
      const begin = performance.now();
      await Promise.all(orders.map(async (order, index) => {
        await sleep(begin + index * 1000 / steadyPerSecond - performance.now());
        published.set(orderIdOf(order.message)!, Date.now());
        await publish(deployment, [order], { oncePerOrder: true });
      }));
      const told = await notifiedAt(deployment, orders.length);
      return orders.slice(steadyPerSecond).map(({ message }) => {
        const orderId = orderIdOf(message)!;
        return told.get(orderId)! - published.get(orderId)!;
      });
    },
  );
}

/** @param count orders that are taken before the consumer starts, which soon looks for such as nobody publishes */
async function benchPaced(
  stage: Stage,
  scenario: string,
  count: number,
  time: (deployment: Deployment, orders: Enqueued[]) => Promise<number[]>,
): Promise<Figure[]> {
  const p50: number[] = [], p99: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`${scenario}, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    const orders = await takeSyntheticOrders(deployment, 0, count, count);
    const consumer = await startTask(deployment, "consume", []);
    await consumer.logged("consumers started");
    try {
      const times = await time(deployment, orders);
      p50.push(exactQuantile(times, 0.5));
      p99.push(exactQuantile(times, 0.99));
    } finally {
      await consumer.stop();
    }
    await expectVerified(deployment);
    await deployment.close();
  }
  return [figure(scenario, "p50 ms", p50), figure(scenario, "p99 ms", p99)];
}

/** Waits on the server for the next notification of a settled order. @returns the order's id */
async function nextNotification(blocking: RedisClient, { keys }: Deployment): Promise<number> {
  const stream = keys.stream("notifications");
  const reply = await blocking.xread("BLOCK", waitMs, "STREAMS", stream, "$");
  const fields = reply?.[0]?.[1]?.[0]?.[1];
  if (fields === undefined) throw new Error(`No order was settled within ${waitMs} ms`);
  const message = messageOfEntry(fields);
  if (typeof message === "string") throw new Error(message);
  return orderIdOf(message)!;
}

/** Waits until the server holds the read: a notification that comes before it would never be seen. */
async function untilWaiting(redis: RedisClient, reader: number): Promise<void> {
  while (!/ flags=\w*b/.test(String(await redis.client("LIST", "ID", reader)))) await sleep(0);
}

/** Waits until so many orders were told of; the moments by order id, in ms since 1970. */
async function notifiedAt({ db }: Deployment, count: number): Promise<Map<number, number>> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const rows = await db.query(`
      select order_id, cast(unix_timestamp(sent_at) * 1000 as double) as told_at
      from notification_logs`);
    if (rows.length >= count) {
      return new Map(rows.map((row) => [toInteger(row.order_id), Number(row.told_at)]));
    }
    if (Date.now() > deadline) throw new Error(`${rows.length} of ${count} orders were settled`);
    await sleep(100);
  }
}

/**
 * Puts orders into the database, all of which will be paid, and returns their messages unpublished.
 *
 * @param from number of the first
 * @param all how many there will be
 */
async function takeSyntheticOrders(
  deployment: Deployment,
  from: number,
  count: number,
  all: number,
): Promise<Enqueued[]> {
  const messages: Enqueued[] = [];
  for (let first = from; first < from + count; first += ordersPerTake) {
    const length = Math.min(ordersPerTake, from + count - first);
    const orders = Array.from(
      { length },
      (_, index) => syntheticOrder(first + index, { orders: all, declinedShare: 0 }),
    );
    const taken = await takeOrders(deployment.db, orders, {
      initialStock: ampleStock,
      onPendingChange: "update",
      actor: "bench",
    });
    for (const { orderId, totalCents, currency } of taken) {
      messages.push({
        message: { type: "order.reserve", orderId: orderId!, amountCents: totalCents, currency },
      });
    }
  }
  return messages;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
