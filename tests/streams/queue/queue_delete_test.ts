import assert from "node:assert/strict";
import type { Message } from "../../../domain/messages/messages.ts";
import { ensureGroup } from "../../../streams/queue/consumer.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { finish } from "../../../streams/queue/enqueue.ts";
import { messageCodec } from "../../../streams/workflow/message_codec.ts";
import { publish, type PublishDeps } from "../../../streams/workflow/publish.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { testContext } from "../../support.ts";

async function withOrders(name: string, work: (deps: PublishDeps) => Promise<void>): Promise<void> {
  const test = await testContext(name);
  const redis = await openRedis(test.redisUrl);
  const deps = { redis, keys: keysFor(test.redisPrefix, "EUR") };
  try {
    await ensureGroup(deps, "orders");
    await work(deps);
  } finally {
    redis.disconnect();
    await test.close();
  }
}

const reserve = (orderId: number): Message => ({
  type: "order.reserve",
  orderId,
  amountCents: 100,
  currency: "EUR",
});

async function publishOrders(deps: PublishDeps, first: number, count: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => ({
    message: reserve(first + index),
  }));
  await publish(deps, messages);
}

async function read({ redis, keys }: PublishDeps, consumer: string, count: number) {
  const stream = keys.stream("orders");
  const reply = await redis
    .xreadgroup("GROUP", "orders", consumer, "COUNT", count, "STREAMS", stream, ">");
  const streams = (reply ?? []) as [string, [string, string[]][]][];
  return (streams[0]?.[1] ?? []).map(([id]) => id);
}

const finishAll = (deps: PublishDeps, ids: readonly string[]) =>
  finish({ ...deps, lane: "live" }, messageCodec, {
    group: "orders",
    finished: ids.map((id) => ({ id, message: reserve(1), followUps: [] })),
    counter: "processed",
  });

const inStream = async ({ redis, keys }: PublishDeps) =>
  (await redis.xrange(keys.stream("orders"), "-", "+")).map(([id]) => id);

Deno.test("finish() deletes what is finished and nothing else, in whatever order it comes", () =>
  withOrders("queue_delete_order", async (deps) => {
    await publishOrders(deps, 1, 600);
    const mine = await read(deps, "me", 200);
    const others = await read(deps, "other", 200);
    const unread = (await inStream(deps)).slice(400);
    // Every third of both consumers', from the back to the front, in batches of seven.
    const ids = [...mine, ...others];
    const order = [2, 0, 1].flatMap((rest) =>
      ids.filter((_, index) => index % 3 === rest).reverse()
    );
    const left = new Set(ids);
    for (let first = 0; first < order.length; first += 7) {
      const batch = order.slice(first, first + 7);
      assert.equal(await finishAll(deps, batch), batch.length);
      for (const id of batch) left.delete(id);
      assert.deepEqual(await inStream(deps), [...ids.filter((id) => left.has(id)), ...unread]);
    }
    assert.deepEqual(await read(deps, "me", 1_000), unread);
  }));

Deno.test("finish() leaves unread messages alone that are older than what it is told of", () =>
  withOrders("queue_delete_unread", async (deps) => {
    await publishOrders(deps, 1, 5);
    const read5 = await read(deps, "me", 5);
    await publishOrders(deps, 6, 5);
    const last = (await inStream(deps)).at(-1)!;
    // As of a stream that was lost and filled again: the group has not given out this id.
    assert.equal(await finishAll(deps, [last, read5[0]!]), 1);
    assert.equal((await inStream(deps)).length, 9);
    assert.equal((await read(deps, "me", 10)).length, 5);
  }));

Deno.test("finish() of everything leaves an empty stream, without a trace of the money", () =>
  withOrders("queue_delete_all", async (deps) => {
    await publishOrders(deps, 1, 3_000);
    const ids = await read(deps, "me", 3_000);
    assert.equal(await finishAll(deps, ids), 3_000);
    assert.equal(await deps.redis.xlen(deps.keys.stream("orders")), 0);
    assert.deepEqual(await deps.redis.hgetall(deps.keys.weights("orders")), { EUR: "0" });
  }));
