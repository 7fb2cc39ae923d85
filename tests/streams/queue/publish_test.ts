import assert from "node:assert/strict";
import { entryOf, groups, type Message } from "../../../domain/messages/messages.ts";
import { ensureGroup } from "../../../streams/queue/consumer.ts";
import { keysFor, onceSegmentSize } from "../../../streams/redis/keys.ts";
import { promote } from "../../../streams/queue/claim.ts";
import { finish, type Finished } from "../../../streams/queue/enqueue.ts";
import { messageCodec } from "../../../streams/workflow/message_codec.ts";
import { publish, type PublishDeps } from "../../../streams/workflow/publish.ts";
import { openRedis, redactRedisUrl } from "../../../streams/redis/redis.ts";
import { testContext } from "../../support.ts";

async function withQueue(name: string, work: (deps: PublishDeps) => Promise<void>): Promise<void> {
  const test = await testContext(name);
  const redis = await openRedis(test.redisUrl);
  const deps = { redis, keys: keysFor(test.redisPrefix, "EUR") };
  try {
    for (const group of groups) await ensureGroup(deps, group);
    await work(deps);
  } finally {
    redis.disconnect();
    await test.close();
  }
}

const reserve = (orderId: number, amountCents = 100, currency = "EUR"): Message => ({
  type: "order.reserve",
  orderId,
  amountCents,
  currency,
});
const charge = (orderId: number, amountCents = 100): Message => ({
  type: "payment.charge",
  orderId,
  amountCents,
  currency: "EUR",
});

/** Reads everything unread of `orders`. */
async function read({ redis, keys }: PublishDeps, consumer = "me"): Promise<string[]> {
  const reply = await redis.xreadgroup(
    "GROUP",
    "orders",
    consumer,
    "COUNT",
    10_000,
    "STREAMS",
    keys.stream("orders"),
    ">",
  ) as [string, [string, string[]][]][] | null;
  return (reply?.[0]?.[1] ?? []).map(([id]) => id);
}

const money = ({ redis, keys }: PublishDeps, group: "orders" | "payments") =>
  redis.hgetall(keys.weights(group));

Deno.test("publish() puts each message into the stream of its group and counts its money", () =>
  withQueue("queue_publish", async (deps) => {
    const { redis, keys } = deps;
    const messages = [reserve(1, 250), charge(2, 300), reserve(3, 50, "GBP"), reserve(4, 0)];
    assert.equal(await publish(deps, messages.map((message) => ({ message }))), 4);
    const entries = await redis.xrange(keys.stream("orders"), "-", "+");
    assert.deepEqual(
      entries.map(([, fields]) => fields),
      [0, 2, 3].map((index) => entryOf(messages[index]!)),
    );
    assert.equal(await redis.xlen(keys.stream("payments")), 1);
    assert.deepEqual(await money(deps, "orders"), { EUR: "250", GBP: "50" });
    assert.deepEqual(await money(deps, "payments"), { EUR: "300" });
    assert.equal(await publish(deps, []), 0);
  }));

Deno.test("publish() takes thousands at once and keeps their order", () =>
  withQueue("queue_many", async (deps) => {
    const count = 4_500;
    const messages = Array.from({ length: count }, (_, n) => ({ message: reserve(n + 1, 1) }));
    assert.equal(await publish(deps, messages), count);
    const ids = await read(deps);
    assert.equal(ids.length, count);
    const done = ids.map((id) => ({
      id,
      message: reserve(1, 1),
      followUps: [{ message: charge(1, 2) }],
    }));
    assert.equal(await finishOrders(deps, done), count);
    assert.equal(await deps.redis.xlen(deps.keys.stream("orders")), 0);
    assert.equal(await deps.redis.xlen(deps.keys.stream("payments")), count);
    assert.deepEqual(await money(deps, "orders"), { EUR: "0" });
    assert.deepEqual(await money(deps, "payments"), { EUR: String(2 * count) });
    assert.equal(await deps.redis.hget(deps.keys.stats("orders"), "processed"), String(count));
  }));

Deno.test("publish() with oncePerOrder publishes an order once, whatever its id", () =>
  withQueue("queue_once", async (deps) => {
    const ids = [1, 2, onceSegmentSize - 1, onceSegmentSize, 3 * onceSegmentSize + 5, 2 ** 33];
    const messages = ids.map((id) => ({ message: reserve(id) }));
    const once = { oncePerOrder: true };
    assert.equal(await publish(deps, [...messages, messages[0]!], once), ids.length);
    assert.equal(await publish(deps, messages, once), 0);
    assert.equal(await publish(deps, [{ message: reserve(3) }], once), 1);
    assert.equal(await publish(deps, [messages[0]!]), 1, "recovery may publish again");
    assert.deepEqual(await money(deps, "orders"), { EUR: String(100 * (ids.length + 2)) });
  }));

const promotePayments = (deps: PublishDeps, max: number) =>
  promote({ ...deps, lane: "live" }, messageCodec, { group: "payments", most: max, maxMs: 60_000 });

const finishOrders = (
  deps: PublishDeps,
  finished: Finished<Message>[],
  counter: "processed" | "dead" = "processed",
) => finish({ ...deps, lane: "live" }, messageCodec, { group: "orders", finished, counter });

Deno.test("publish() schedules the same message once, and promote moves it when it is due", () =>
  withQueue("queue_scheduled", async (deps) => {
    const { redis, keys } = deps;
    const later = { message: charge(1, 70), delayMs: 60_000 };
    assert.equal(await publish(deps, [later, later, { ...later, message: charge(2, 30) }]), 2);
    assert.equal(await publish(deps, [{ ...later, delayMs: 90_000 }]), 0, "the first time stays");
    assert.deepEqual(await money(deps, "payments"), { EUR: "100" });
    assert.equal(await redis.xlen(keys.stream("payments")), 0);

    const promoteNow = (max: number) => promotePayments(deps, max);
    const [moved, nextMs] = await promoteNow(10);
    assert.equal(moved, 0);
    assert.ok(nextMs > 50_000 && nextMs <= 60_000, `${nextMs} ms`);
    for (const member of await redis.zrange(keys.scheduled("payments"), "0", "-1")) {
      await redis.zadd(keys.scheduled("payments"), 0, member);
    }
    assert.deepEqual(await promoteNow(1), [1, 0], "one at a time, the next is due");
    assert.deepEqual(await promoteNow(10), [1, -1]);
    const entries = await redis.xrange(keys.stream("payments"), "-", "+");
    assert.deepEqual(
      entries.map(([, fields]) => fields).sort(),
      [charge(1, 70), charge(2, 30)].map(entryOf).sort(),
    );
    assert.deepEqual(await money(deps, "payments"), { EUR: "100" }, "it waits still");
  }));

Deno.test("publish() schedules text of any kind and gets it back", () =>
  withQueue("queue_text", async (deps) => {
    const { redis, keys } = deps;
    const message: Message = {
      type: "payment.callback",
      orderId: Number.MAX_SAFE_INTEGER,
      amountCents: Number.MAX_SAFE_INTEGER,
      currency: "EUR",
      outcome: "succeeded",
      provider: 'a/b\\c"d',
      providerRef: "é€😀\u0001\n",
    };
    await publish(deps, [{ message, delayMs: 1_000 }]);
    const [member] = await redis.zrange(keys.scheduled("payments"), "0", "-1");
    await redis.zadd(keys.scheduled("payments"), 0, member!);
    await promotePayments(deps, 10);
    const [entry] = await redis.xrange(keys.stream("payments"), "-", "+");
    assert.deepEqual(entry![1], entryOf(message));
    assert.deepEqual(await money(deps, "payments"), { EUR: String(Number.MAX_SAFE_INTEGER) });
  }));

Deno.test("finish() acknowledges an order worth nothing and a message without money", () =>
  withQueue("queue_zero", async (deps) => {
    await publish(deps, [{ message: reserve(1, 0) }]);
    await deps.redis.xadd(deps.keys.stream("orders"), "*", "type", "garbage");
    const [nothing, garbage] = await read(deps) as [string, string];
    const finished = [
      { id: nothing, message: reserve(1, 0), followUps: [] },
      { id: garbage, message: null, followUps: [] },
    ];
    assert.equal(await finishOrders(deps, finished, "dead"), 2);
    assert.deepEqual(await money(deps, "orders"), {});
    assert.equal(await deps.redis.hget(deps.keys.stats("orders"), "dead"), "2");
  }));

Deno.test("finish() enqueues what follows only from messages that were still pending", () =>
  withQueue("queue_finish", async (deps) => {
    const { redis, keys } = deps;
    await publish(deps, [{ message: reserve(1) }, { message: reserve(2) }]);
    const [first, second] = await read(deps) as [string, string];
    const finished = (id: string, orderId: number) => ({
      id,
      message: reserve(orderId),
      followUps: [{ message: charge(orderId) }, { message: charge(orderId), delayMs: 1_000 }],
    });
    await redis.hset(keys.errors("orders"), first, 2, second, 1);
    await redis.hset(keys.errorTexts("orders"), first, "a", second, "b");
    await redis.zadd(keys.retries("orders"), 1, first, 2, second);

    assert.equal(await finishOrders(deps, [finished(first, 1)]), 1);
    assert.equal(await finishOrders(deps, [finished(first, 1)]), 0);
    assert.equal(await finishOrders(deps, [finished("1-1", 9)]), 0);
    assert.equal(await finishOrders(deps, []), 0);
    assert.equal(await redis.xlen(keys.stream("payments")), 1);
    assert.equal(await redis.zcard(keys.scheduled("payments")), 1);
    assert.deepEqual(await money(deps, "orders"), { EUR: "100" });
    assert.deepEqual(await money(deps, "payments"), { EUR: "200" });
    assert.deepEqual(await redis.hgetall(keys.errors("orders")), { [second]: "1" });
    assert.deepEqual(await redis.hgetall(keys.errorTexts("orders")), { [second]: "b" });
    assert.deepEqual(await redis.zrange(keys.retries("orders"), "0", "-1"), [second]);
    assert.equal(await redis.hget(keys.stats("orders"), "processed"), "1");
  }));

Deno.test("runScript() gives its source to a server that has forgotten it", () =>
  withQueue("queue_script_flush", async (deps) => {
    await publish(deps, [{ message: reserve(1) }]);
    await deps.redis.script("FLUSH");
    assert.equal(await publish(deps, [{ message: reserve(2) }]), 1);
    assert.equal(await deps.redis.xlen(deps.keys.stream("orders")), 2);
  }));

Deno.test("redactRedisUrl() shows no password, however it is written", () => {
  const urls = {
    "redis://h:1/0": "redis://h:1/0",
    "redis://:se%40cret@h:1": "redis://***@h:1",
    "redis://user:se@cret@h:1": "redis://***@h:1",
    "rediss://u:secret@a,rediss://u:secret@b": "rediss://***@a,rediss://***@b",
    "unix:///run/redis.sock": "unix:///run/redis.sock",
  };
  for (const [url, shown] of Object.entries(urls)) assert.equal(redactRedisUrl(url), shown);
});
