import assert from "node:assert/strict";
import type { RedisClient } from "../../../streams/redis/redis.ts";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { entryOf, type OrderMessage } from "../../../domain/messages/messages.ts";
import { findHeldWork, parseFields } from "../../../streams/recovery/held_work.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const limits = { orderId: 1_000_000, refundId: 1_000_000 };

function about(
  type: "order.reserve" | "payment.charge" | "notify.order",
  orderId: number,
): OrderMessage {
  return { type, orderId, amountCents: 100, currency: "EUR" };
}

function bury(flow: Workflow, message: OrderMessage, messageId: string) {
  return deadLetterMessages(flow.db, [{
    group: "orders",
    messageId,
    orderId: message.orderId,
    refundId: null,
    amountCents: 100,
    currency: "EUR",
    payload: JSON.stringify(entryOf(message)),
    error: "because",
    attempts: 5,
    firstSeenMs: 0,
  }]);
}

/** A connection that runs `after` when a command has been answered for the nth time. */
function hooked(
  redis: RedisClient,
  command: "xrange" | "zscan",
  after: (call: number, key: string) => Promise<void>,
): RedisClient {
  let calls = 0;
  return new Proxy(redis, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== command) return value.bind(target);
      return async (...args: [string]) => {
        const reply = await value.apply(target, args);
        await after(++calls, args[0]);
        return reply;
      };
    },
  });
}

Deno.test("findHeldWork() tells which message serves which need", () =>
  withWorkflow("held_needs", async (flow) => {
    await publish(flow, [
      { message: about("order.reserve", 1) },
      { message: about("payment.charge", 2) },
      { message: about("notify.order", 3), delayMs: 60_000 },
      {
        message: {
          ...about("order.reserve", 4),
          type: "refund.process",
          refundId: 7,
        } as OrderMessage,
      },
      { message: { ...about("order.reserve", 4), type: "payment.reverse" } as OrderMessage },
    ]);
    await bury(flow, about("order.reserve", 5), "1-1");
    const held = await findHeldWork(flow, limits);
    const needs = ["reserve", "settle", "order_notice", "order_count", "reversal"] as const;
    const served = (id: number) => needs.filter((need) => held.holds(need, id));
    assert.deepEqual(served(1), [...needs]);
    assert.deepEqual(served(2), ["settle", "order_notice", "order_count", "reversal"]);
    assert.deepEqual(served(3), ["order_notice"]);
    assert.deepEqual(served(4), ["reversal"]);
    assert.deepEqual(served(5), [...needs]);
    assert.deepEqual(served(6), []);
    assert.ok(held.holds("refund", 7) && held.holds("refund_notice", 7));
    assert.ok(!held.holds("refund", 4) && !held.holds("reserve", 7));
    assert.ok(held.moves("reserve", 1) && !held.moves("reserve", 5));
  }));

Deno.test("findHeldWork() passes over what is no message and what is beyond the limits", () =>
  withWorkflow("held_garbage", async (flow) => {
    const stream = flow.keys.stream("orders");
    await flow.redis.xadd(stream, "*", "message", "order.reserve -1 1 EUR");
    await flow.redis.xadd(stream, "*", "hello", "world");
    await flow.redis.zadd(flow.keys.scheduled("payments"), 1, "no message");
    await flow.redis.zadd(flow.keys.scheduled("payments"), 1, "order.reserve 9");
    await publish(flow, [
      { message: about("order.reserve", 11) },
      { message: about("order.reserve", 10) },
    ]);
    const held = await findHeldWork(flow, { orderId: 10, refundId: 0 });
    assert.equal(held.holds("reserve", 10), true);
    assert.equal(held.holds("reserve", 11), false);
  }));

Deno.test("findHeldWork() reads streams and schedules of any length", () =>
  withWorkflow("held_long", async (flow) => {
    const ids = Array.from({ length: 4_500 }, (_, index) => index * 37 + 1);
    await publish(flow, ids.map((id) => ({ message: about("order.reserve", id) })));
    await publish(
      flow,
      ids.map((id) => ({ message: about("payment.charge", id), delayMs: 60_000 })),
    );
    const held = await findHeldWork(flow, limits);
    assert.ok(ids.every((id) => held.holds("reserve", id) && held.holds("reversal", id)));
    assert.ok(!held.holds("settle", 2));
  }));

Deno.test("findHeldWork() finds a charge that becomes a scheduled answer and then an entry meanwhile", () =>
  withWorkflow("held_moving", async (flow) => {
    const stream = flow.keys.stream("payments");
    // Before its stream is read, the charge turns into an answer in the schedule; before the schedule is
    // read, that turns into an entry at the stream's end, which had been read by then.
    await publish(flow, [{ message: about("payment.charge", 1) }]);
    const redis = hooked(flow.redis, "xrange", async (_, key) => {
      if (key === flow.keys.stream("orders") && await flow.redis.xlen(stream) === 1) {
        await flow.redis.del(stream);
        await publish(flow, [{ message: about("payment.charge", 1), delayMs: 60_000 }]);
      } else if (key === stream && await flow.redis.zcard(flow.keys.scheduled("payments")) === 1) {
        await flow.redis.del(flow.keys.scheduled("payments"));
        await publish(flow, [{ message: about("payment.charge", 1) }]);
      }
    });
    const held = await findHeldWork({ ...flow, redis }, limits);
    assert.equal(await flow.redis.zcard(flow.keys.scheduled("payments")), 0);
    assert.equal(held.holds("settle", 1), true);
  }));

Deno.test("findHeldWork() finds a message that is dead-lettered meanwhile, and a letter that is retried", () =>
  withWorkflow("held_buried", async (flow) => {
    const stream = flow.keys.stream("orders");
    await publish(flow, [{ message: about("order.reserve", 1) }]);
    await bury(flow, about("order.reserve", 2), "2-1");
    let moved = false;
    const db = {
      ...flow.db,
      query: async (...args: Parameters<typeof flow.db.query>) => {
        const rows = await flow.db.query(...args);
        if (!moved) {
          // After the first look at the letters: the entry dies, and the letter is sent again too late
          // for a search that would look at the streams alone.
          moved = true;
          await bury(flow, about("order.reserve", 1), "1-1");
          await flow.redis.del(stream);
          await flow.db.query(
            "update dead_letters set status = 'RETRIED' where message_id = '2-1'",
          );
        }
        return rows;
      },
    };
    const held = await findHeldWork({ ...flow, db }, limits);
    assert.deepEqual([held.holds("reserve", 1), held.holds("reserve", 2)], [true, true]);
  }));

Deno.test("parseFields() gives no fields for what is no list of strings", () => {
  assert.deepEqual(parseFields('["a","b"]'), ["a", "b"]);
  for (const json of ["", "{", "null", "{}", "[1]", '"a"']) assert.deepEqual(parseFields(json), []);
});
