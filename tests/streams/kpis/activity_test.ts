import assert from "node:assert/strict";
import {
  readActivity,
  readActivityTotals,
  slotSeconds,
  watchActivity,
} from "../../../streams/kpis/activity.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { readGroupDetail } from "../../../streams/queue/group_detail.ts";
import { pauseGroup, resumeGroup } from "../../../streams/queue/pause_group.ts";
import {
  readVerification,
  restMsAfter,
  verifyNow,
} from "../../../streams/verification/verify_regularly.ts";
import { messageCodec } from "../../../streams/workflow/message_codec.ts";
import { readStreams } from "../../../streams/workflow/queue_status.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { alertSettings } from "../../alert_settings.ts";

async function withWorkflow(work: (flow: Workflow) => Promise<void>): Promise<void> {
  const flow = await openWorkflow("activity");
  try {
    await work(flow);
  } finally {
    await flow.close();
  }
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

Deno.test("consumers count what they did, by slots of time and in all", () =>
  withWorkflow(async (flow) => {
    await flow.add([
      anOrder("A", [{ sku: "x", qty: 1, unitPriceCents: 200 }]),
      anOrder("B", [{ sku: "y", qty: 1, unitPriceCents: 301 }]),
      anOrder("C", [{ sku: "z", qty: 51 }]),
    ]);
    await flow.turn("orders");
    const hour = await readActivity(flow, Date.now());
    assert.equal(hour.times.length, 3_600 / slotSeconds);
    const orders = hour.groups.orders;
    assert.equal(sum(orders.map(({ handled }) => handled)), 3);
    assert.equal(sum(orders.map(({ failed }) => failed)), 1, "what ran short was settled");
    assert.equal(sum(orders.flatMap(({ settleMs }) => settleMs)), 1);
    assert.equal(sum(orders.slice(0, -2).map(({ handled }) => handled)), 0, "in the latest slots");
    assert.equal(sum(hour.groups.payments.map(({ handled }) => handled)), 0);
    const totals = await readActivityTotals(flow);
    assert.equal(totals.orders.handled, 3);
    assert.equal(totals.orders.batches, 1);
    assert.equal(totals.orders.sumBatch, 3);
    const later = await readActivity(flow, Date.now() + 3_700_000);
    assert.equal(
      sum(later.groups.orders.map(({ handled }) => handled)),
      0,
      "an hour later it is over",
    );
  }));

Deno.test("watchActivity() adds up what was noted, once a second unless it is forced", () =>
  withWorkflow(async (flow) => {
    const watch = watchActivity(flow, "refunds");
    const turn = { batch: 2, ms: 7, handled: 2, retried: 0, dead: 0, delayed: 0, events: [] };
    watch.note(turn);
    await watch.flush({});
    watch.note(turn);
    await watch.flush({});
    assert.equal((await readActivityTotals(flow)).refunds.handled, 2);
    await watch.flush({ force: true });
    await watch.flush({ force: true });
    assert.equal((await readActivityTotals(flow)).refunds.handled, 4);
  }));

Deno.test("a paused group takes nothing until it is resumed, and its consumers stay alive", () =>
  withWorkflow(async (flow) => {
    await pauseGroup(flow, "orders", { actor: "test", reason: null });
    await flow.add([anOrder("A", [{ sku: "x", qty: 1 }])]);
    assert.equal((await flow.turn("orders")).handled, 0);
    const [orders] = await readStreams(flow);
    assert.deepEqual([orders!.paused?.actor, orders!.lag, orders!.consumers], ["test", 1, 1]);
    await resumeGroup(flow, "orders");
    assert.equal((await flow.turn("orders")).handled, 1);
  }));

Deno.test("readGroupDetail() shows who holds what, and what is to come", () =>
  withWorkflow(async (flow) => {
    await flow.add([anOrder("A", [{ sku: "x", qty: 1, unitPriceCents: 250 }])]);
    const stream = flow.keys.stream("orders");
    await flow.redis.xreadgroup("GROUP", "orders", "host:9:abc", "STREAMS", stream, ">");
    const detail = await readGroupDetail(flow, messageCodec, "orders");
    assert.deepEqual(detail.consumers.map(({ name, pending }) => [name, pending]), [[
      "host:9:abc",
      1,
    ]]);
    const [held] = detail.pending;
    assert.equal(held!.consumer, "host:9:abc");
    assert.equal(held!.deliveries, 1);
    assert.equal((held!.message as { amountCents: number }).amountCents, 250);
    assert.deepEqual(detail.scheduled, []);
    await flow.redis.del(stream);
    const gone = await readGroupDetail(flow, messageCodec, "orders");
    assert.deepEqual([gone.consumers, gone.pending, gone.scheduled], [[], [], []]);
  }));

Deno.test("readGroupDetail() counts what is in hand by age and deliveries", () =>
  withWorkflow(async (flow) => {
    const stream = flow.keys.stream("orders");
    const minutesAgo = async (minutes: number) => {
      await flow.redis.xadd(stream, `${Date.now() - minutes * 60_000}-1`, "message", "nothing");
    };
    await minutesAgo(90);
    await minutesAgo(59);
    await minutesAgo(0);
    await flow.redis.xreadgroup("GROUP", "orders", "host:9:abc", "STREAMS", stream, ">");
    const [oldest] = await flow.redis.xrange(stream, "-", "+", "COUNT", 1);
    for (let delivery = 2; delivery <= 7; delivery++) {
      await flow.redis.call("XCLAIM", stream, "orders", "host:9:abc", 0, oldest![0]);
    }
    const { bands, counted } = await readGroupDetail(flow, messageCodec, "orders");
    assert.equal(counted, 3);
    assert.deepEqual(bands, [
      { belowMs: 10_000, byDeliveries: [1, 0, 0, 0, 0] },
      { belowMs: 3_600_000, byDeliveries: [1, 0, 0, 0, 0] },
      { belowMs: Infinity, byDeliveries: [0, 0, 0, 0, 1] },
    ]);
  }));

Deno.test("verifyNow() keeps its report and lets one proof run at a time", () =>
  withWorkflow(async (flow) => {
    assert.equal(await readVerification(flow), null);
    await flow.redis.set(flow.keys.verificationLease, "another");
    assert.equal(await verifyNow(flow), null);
    assert.equal(await flow.redis.get(flow.keys.verificationLease), "another");
    await flow.redis.del(flow.keys.verificationLease);
    const report = await verifyNow(flow);
    assert.deepEqual(await readVerification(flow), report);
    assert.equal(await flow.redis.exists(flow.keys.verificationLease), 0);
    assert.equal(restMsAfter({ seconds: 10 }), 300_000);
    assert.equal(restMsAfter({ seconds: 0 }), 60_000);
    assert.equal(await flow.redis.exists(flow.keys.verificationRest), 1);
  }));

Deno.test("lookOnce() raises an alert for work that nobody does, and resolves it", () =>
  withWorkflow(async (flow) => {
    const deps = { ...flow, config: alertSettings };
    await flow.add([anOrder("A", [{ sku: "x", qty: 1 }])]);
    const start = Date.now();
    await lookOnce(deps, start);
    assert.deepEqual((await readAlerts(flow)).map(({ raisedAt }) => raisedAt), [null]);
    await lookOnce(deps, start + 40_000);
    const [raised] = await readAlerts(flow);
    assert.equal(raised!.name, "no_consumer:orders");
    assert.notEqual(raised!.raisedAt, null);
    await flow.turn("orders");
    await flow.drain();
    await lookOnce(deps, start + 50_000);
    assert.equal((await readAlerts(flow)).length, 1, "not at once");
    await lookOnce(deps, start + 120_000);
    assert.deepEqual(await readAlerts(flow), []);
  }));
