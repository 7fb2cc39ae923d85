/**
 * Redis' clock steps two hours ahead for two seconds and back: what was written meanwhile must not wait for
 * the clock to come there again. Written here as the step would have left it.
 */

import assert from "node:assert/strict";
import { decideAlert } from "../../../domain/operation/alerts.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import type { ConsumerOptions } from "../../../streams/workflow/consumer.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { readStreams } from "../../../streams/workflow/queue_status.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { countRequest } from "../../../streams/redis/rate_limit.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

const stepMs = 7_200_000;

/** Moves every score of a sorted set ahead. */
async function stepAhead({ redis }: Workflow, key: string): Promise<number> {
  const flat = await redis.zrange(key, 0, "-1", "WITHSCORES");
  for (let i = 0; i < flat.length; i += 2) {
    await redis.zadd(key, Number(flat[i + 1]) + stepMs, flat[i]!);
  }
  return flat.length / 2;
}

async function dueInMs({ redis }: Workflow, key: string): Promise<number> {
  const [, score] = await redis.zrange(key, 0, 0, "WITHSCORES");
  const [seconds] = await redis.time() as [number, number];
  return Number(score) - Number(seconds) * 1_000;
}

const answersIn = (delayMs: number) => ({ gateway: simulatedGateway({ delayMs }) });

Deno.test("a scheduled answer of a stepped clock is brought back to the longest delay", () =>
  withWorkflow("step_scheduled", async (flow) => {
    const [taken] = await flow.add([anOrder("A", [{ sku: "x", qty: 2 }])]);
    await flow.turn("orders");
    await flow.turn("payments");
    const scheduled = flow.keys.scheduled("payments");
    assert.equal(await stepAhead(flow, scheduled), 1);
    await flow.turn("payments");
    const waits = await dueInMs(flow, scheduled);
    assert.ok(waits > 30_000 && waits <= 61_000, String(waits));
    // Its time comes.
    const [member] = await flow.redis.zrange(scheduled, 0, 0);
    await flow.redis.zadd(scheduled, 1, member!);
    await flow.turn("payments");
    assert.equal((await flow.order(taken!.orderId!)).status, "PAID");
  }, answersIn(60_000)));

Deno.test("the same message scheduled again is brought nearer and never farther", () =>
  withWorkflow("step_again", async (flow) => {
    const scheduled = flow.keys.scheduled("payments");
    const schedule = (delayMs: number) =>
      publish(flow, [{
        message: { type: "payment.time_out", orderId: 1, amountCents: 2, currency: "EUR" },
        delayMs,
      }]);
    assert.equal(await schedule(2_000), 1);
    await stepAhead(flow, scheduled);
    assert.equal(await schedule(2_000), 0, "it is one message");
    assert.ok(await dueInMs(flow, scheduled) <= 3_000);
    assert.equal(await schedule(60_000), 0);
    assert.ok(await dueInMs(flow, scheduled) <= 3_000);
    assert.deepEqual(await flow.redis.hgetall(flow.keys.weights("payments")), { EUR: "2" });
  }));

Deno.test("a delayed message of a stepped clock is brought back to the longest wait", () =>
  withWorkflow("step_parked", async (flow) => {
    await flow.add([anOrder("A", [{ sku: "x", qty: 2 }])]);
    const share: ConsumerOptions["share"] = (deliveries) => [{
      deliveries: [...deliveries],
      handle: () => Promise.reject(new Error("broken")),
    }];
    assert.equal((await consumeOnce(flow.consumerOf("orders", { share }))).retried, 1);
    const retries = flow.keys.retries("orders");
    assert.equal(await stepAhead(flow, retries), 1);
    await flow.turn("orders");
    const waits = await dueInMs(flow, retries);
    assert.ok(waits > 0 && waits <= 81_000, String(waits));
  }));

Deno.test("signs of life of a stepped clock count for nobody", () =>
  withWorkflow("step_alive", async (flow) => {
    const alive = flow.keys.alive("orders");
    const [seconds] = await flow.redis.time() as [number, number];
    await flow.redis.zadd(alive, Number(seconds) * 1_000 + stepMs, "crashed");
    const streams = () => readStreams(flow);
    const consumers = async () =>
      (await streams()).find(({ group }) => group === "orders")!.consumers;
    assert.equal(await consumers(), 0);
    await flow.turn("orders");
    assert.equal(await consumers(), 1);
    assert.deepEqual(await flow.redis.zrange(alive, 0, "-1"), ["test"]);
  }));

Deno.test("what a stepped clock handed to a consumer that crashed is reclaimed", () =>
  withWorkflow("step_pending", async (flow) => {
    const [taken] = await flow.add([anOrder("A", [{ sku: "x", qty: 2 }])]);
    const stream = flow.keys.stream("orders");
    await flow.redis.xreadgroup("GROUP", "orders", "crashed", "COUNT", 1, "STREAMS", stream, ">");
    const [[id]] = await flow.redis.xpending(stream, "orders", "-", "+", 1) as [[string]];
    const [seconds] = await flow.redis.time() as [number, number];
    const handedOutMs = Number(seconds) * 1_000 + stepMs;
    const claim = ["orders", "crashed", 0, id, "TIME", handedOutMs, "RETRYCOUNT", 1, "JUSTID"];
    await flow.redis.call("XCLAIM", stream, ...claim as string[]);
    // The first look sets its time to now; the time to reclaim passes; the next look takes it.
    await flow.turn("orders");
    assert.equal((await flow.order(taken!.orderId!)).status, "PENDING");
    let idleMs = 0;
    for (let looks = 0; looks < 10_000 && idleMs === 0; looks++) {
      const [entry] = await flow.redis.xpending(stream, "orders", "-", "+", 1) as [
        [id: string, owner: string, idleMs: number, deliveries: number],
      ];
      assert.deepEqual([entry[1], entry[3]], ["crashed", 1]);
      idleMs = entry[2];
    }
    assert.ok(idleMs > 0, "its time still lies ahead");
    const past = ["orders", "crashed", 0, id, "IDLE", 20_000, "RETRYCOUNT", 1, "JUSTID"];
    await flow.redis.call("XCLAIM", stream, ...past as string[]);
    assert.equal((await consumeOnce(flow.consumerOf("orders", {}, "other"))).handled, 1);
    assert.equal((await flow.order(taken!.orderId!)).status, "RESERVED");
  }));

Deno.test("countRequest() locks nobody out for as long as a clock was ahead", () =>
  withWorkflow("step_rate", async (flow) => {
    const key = `${flow.keys.rateLimit}shop`;
    for (let n = 0; n < 3; n++) await countRequest(flow, "shop", 3);
    const later = String(Number(await flow.redis.get(key)) + stepMs * 1_000);
    await flow.redis.set(key, later, "PX", stepMs);
    const { allowed, left } = await countRequest(flow, "shop", 3);
    assert.deepEqual({ allowed, left }, { allowed: true, left: 2 });
    assert.ok(await flow.redis.pttl(key) <= 60_000);
  }));

Deno.test("decideAlert() raises what is said to have begun in the future", () => {
  const check = {
    name: "drift",
    severity: "warning",
    title: "t",
    detail: "d",
    level: "bad",
  } as const;
  const nowMs = Date.parse("2026-01-05T10:00:00.000Z");
  const since = new Date(nowMs + stepMs).toISOString();
  const before = { ...check, since, raisedAt: null, goodSince: null };
  const first = decideAlert(before, check, nowMs);
  assert.deepEqual([first.change, first.state!.since], [null, "2026-01-05T10:00:00.000Z"]);
  assert.equal(decideAlert(first.state, check, nowMs + 31_000).change, "raised");
  const raised = { ...first.state!, raisedAt: since, goodSince: since };
  const good = decideAlert(raised, { ...check, level: "good" }, nowMs);
  assert.equal(good.state!.goodSince, "2026-01-05T10:00:00.000Z");
});
