/**
 * How long one order takes.
 *
 * Publishing to settled, seen without disturbing what is measured: a second connection waits in a
 * blocking XREAD on the `notifications` stream, and Redis answers it in the moment in which the order's
 * notice is enqueued. By then the order is `PAID` in the database and counted in the figures, so this is
 * a little more than the time to the commit.
 *
 * @module
 */

import { takeOrders } from "../db/intake.ts";
import { openBlockingRedis, type RedisClient } from "../streams/redis.ts";
import { type Enqueued, publish } from "../streams/queue.ts";
import { type Figure, figure, quantile } from "./figures.ts";
import { ampleStock, syntheticOrder } from "./orders_file.ts";
import { type Books, expectVerified, openBooks, type Stage, startTask } from "./stage.ts";

/** Orders that are timed, one after the other. */
const timedOrders = 300;

/** Orders before them: a process that just started is slower, and a service rarely just started. */
const warmUpOrders = 50;

/** Pause between two orders, so that the one before has left every group. */
const pauseMs = 10;

/** The steady load: orders a second, for so many seconds, of which the first is not counted. */
const steadyPerSecond = 500;
const steadySeconds = 4;

/** Orders to one transaction while the books are filled. */
const ordersPerTake = 1_000;

/** Longest wait for one order. */
const waitMs = 10_000;

/** Measures single orders on an idle system. */
export function benchLatency(stage: Stage): Promise<Figure[]> {
  return benchPaced(stage, "latency, idle", async (books, orders, watch) => {
    const times: number[] = [];
    for (const order of orders) {
      const start = performance.now();
      await publish(books, [order], { oncePerOrder: true });
      times.push(await watch.settled(order.message.orderId) - start);
      await sleep(pauseMs);
    }
    return times.slice(warmUpOrders);
  }, warmUpOrders + timedOrders);
}

/** Measures orders that come at a steady rate. */
export function benchSteady(stage: Stage): Promise<Figure[]> {
  const scenario = `latency at ${steadyPerSecond} orders/s`;
  return benchPaced(stage, scenario, async (books, orders, watch) => {
    const begin = performance.now();
    const times = orders.map(async (order, index) => {
      const due = begin + index * 1000 / steadyPerSecond;
      await sleep(due - performance.now());
      const start = performance.now();
      await publish(books, [order], { oncePerOrder: true });
      return await watch.settled(order.message.orderId) - start;
    });
    return (await Promise.all(times)).slice(steadyPerSecond);
  }, steadyPerSecond * steadySeconds);
}

async function benchPaced(
  stage: Stage,
  scenario: string,
  time: (books: Books, orders: Enqueued[], watch: SettledWatch) => Promise<number[]>,
  count: number,
): Promise<Figure[]> {
  const p50: number[] = [], p99: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`${scenario}, run ${run} of ${stage.runs}`);
    const books = await openBooks(stage);
    const consumer = await startTask(books, "consume", []);
    await consumer.logged("consumers started");
    const orders = await takeSyntheticOrders(books, count);
    const watch = await watchSettled(books);
    try {
      const times = await time(books, orders, watch);
      p50.push(quantile(times, 0.5));
      p99.push(quantile(times, 0.99));
    } finally {
      watch.stop();
      await consumer.stop();
    }
    await expectVerified(books);
    await books.close();
  }
  return [figure(scenario, "p50 ms", p50), figure(scenario, "p99 ms", p99)];
}

/** Puts orders into the books, all of which will be paid, and returns their messages unpublished. */
export async function takeSyntheticOrders(books: Books, count: number): Promise<Enqueued[]> {
  const messages: Enqueued[] = [];
  for (let first = 0; first < count; first += ordersPerTake) {
    const length = Math.min(ordersPerTake, count - first);
    const orders = Array.from(
      { length },
      (_, index) => syntheticOrder(first + index, { orders: count, declinedShare: 0 }),
    );
    const taken = await takeOrders(books.db, orders, {
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

interface SettledWatch {
  /** Resolves with the moment in which the order was settled, by the monotonic clock in ms. */
  settled(orderId: number): Promise<number>;
  stop(): void;
}

async function watchSettled({ redisUrl, keys }: Books): Promise<SettledWatch> {
  const redis = await openBlockingRedis(redisUrl);
  const waiting = new Map<number, (at: number) => void>();
  const seen = new Map<number, number>();
  let stopped = false;
  const watch = async () => {
    for (let last = "0-0"; !stopped;) {
      const entries = await readAfter(redis, keys.stream("notifications"), last);
      const at = performance.now();
      for (const [id, fields] of entries) {
        last = id;
        const orderId = Number(fields[fields.indexOf("order_id") + 1]);
        const resolve = waiting.get(orderId);
        if (resolve === undefined) seen.set(orderId, at);
        else resolve(at);
      }
    }
  };
  const watching = watch();
  // Stopping breaks the connection in the middle of a read; any other end is noticed by the time limit.
  watching.catch(() => {});
  return {
    settled: (orderId) =>
      new Promise((resolve, reject) => {
        const known = seen.get(orderId);
        if (known !== undefined) return resolve(known);
        const timer = setTimeout(
          () => reject(new Error(`Order ${orderId} was not settled within ${waitMs} ms`)),
          waitMs,
        );
        waiting.set(orderId, (at) => {
          clearTimeout(timer);
          resolve(at);
        });
      }),
    stop: () => {
      stopped = true;
      redis.disconnect();
    },
  };
}

async function readAfter(
  redis: RedisClient,
  stream: string,
  last: string,
): Promise<[string, string[]][]> {
  const reply = await redis.xread("BLOCK", 1_000, "STREAMS", stream, last);
  return (reply ?? [])[0]?.[1] ?? [];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
