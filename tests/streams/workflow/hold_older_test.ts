import assert from "node:assert/strict";
import { WorkflowError } from "../../../domain/errors.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { isPause, pauseGroup, resumeGroup } from "../../../streams/queue/pause_group.ts";
import {
  consumersBefore,
  holdOlder,
  keepHolding,
  refuseBesideOlder,
} from "../../../streams/workflow/hold_older.ts";
import { newConsumerName } from "../../../streams/workflow/living_consumers.ts";
import { readStreams } from "../../../streams/workflow/queue_status.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { alertSettings } from "../../alert_settings.ts";

/** As the version before calls its consumers. */
const older = "shop.example:7:0123456789ab";

async function live(flow: Workflow, name: string): Promise<void> {
  await flow.redis.zadd(flow.keys.alive("orders"), Date.now() + 60_000, name);
}

/** What a consumer of the version before goes by: whether anything stands there. */
async function pausedBefore({ redis, keys }: Workflow): Promise<number> {
  return await redis.exists(...groups.map((group) => keys.paused(group)));
}

Deno.test("holdOlder() pauses every group for consumers of the version before, and for no other", () =>
  withWorkflow("hold_older", async (flow) => {
    await flow.add([anOrder("one", [{ sku: "a", qty: 1, unitPriceCents: 100 }])]);
    await holdOlder(flow, AbortSignal.timeout(60_000));
    assert.equal(await pausedBefore(flow), groups.length);
    await flow.drain();
    assert.equal((await flow.order(1)).status, "PAID");
    assert.deepEqual(
      (await readStreams(flow)).map(({ paused }) => paused),
      groups.map(() => null),
    );
  }));

Deno.test("a person's pause stays one beside what holds the version before, and ends as one", () =>
  withWorkflow("hold_pause", async (flow) => {
    const value = () => flow.redis.get(flow.keys.paused("orders"));
    await pauseGroup(flow, "orders", { actor: "ida", reason: null });
    await holdOlder(flow, AbortSignal.timeout(60_000));
    assert.ok(isPause(await value()));
    await flow.add([anOrder("one", [{ sku: "a", qty: 1, unitPriceCents: 100 }])]);
    assert.equal((await flow.turn("orders")).handled, 0);
    await resumeGroup(flow, "orders");
    assert.ok(!isPause(await value()));
    assert.equal(await pausedBefore(flow), groups.length, "they are never let go on");
    assert.equal((await flow.turn("orders")).handled, 1);
  }));

Deno.test("holdOlder() waits for what consumers of the version before read last, and says which they are", () =>
  withWorkflow("hold_alive", async (flow) => {
    await live(flow, older);
    await live(flow, newConsumerName("shop.example"));
    assert.deepEqual(await consumersBefore(flow), [older]);
    const stop = new AbortController();
    const holding = holdOlder(flow, stop.signal);
    let waits = true;
    holding.then(() => waits = false);
    while (await pausedBefore(flow) < groups.length);
    assert.ok(waits);
    stop.abort();
    await holding;
  }));

Deno.test("keepHolding() holds them again after somebody has resumed a group on one of their pages", () =>
  withWorkflow("hold_again", async (flow) => {
    const stop = new AbortController();
    const keeping = keepHolding(flow, stop.signal);
    await flow.redis.del(flow.keys.paused("payments"));
    while (await pausedBefore(flow) < groups.length);
    stop.abort();
    await keeping;
  }));

Deno.test("refuseBesideOlder() refuses what the version before would get to see, and lets on once it is held", () =>
  withWorkflow("hold_refuse", async (flow) => {
    await live(flow, older);
    await assert.rejects(refuseBesideOlder(flow), (error) => {
      assert.ok(error instanceof WorkflowError && error.code === "unavailable");
      assert.match(error.message, new RegExp(`${older}; start this version beside them`));
      return true;
    });
    assert.equal(await pausedBefore(flow), 0);
    await flow.redis.zrem(flow.keys.alive("orders"), older);
    await refuseBesideOlder(flow);
    assert.equal(
      await pausedBefore(flow),
      groups.length,
      "one that is started later takes nothing",
    );
    await live(flow, older);
    await refuseBesideOlder(flow);
  }));

Deno.test("a process of the version before that goes on living is an alert", () =>
  withWorkflow("hold_alert", async (flow) => {
    const deps = { ...flow, config: alertSettings };
    const raised = async () =>
      (await readAlerts(flow)).find(({ name }) => name === "older_version")?.detail;
    await live(flow, older);
    await lookOnce(deps, 0);
    await lookOnce(deps, 60_000);
    assert.equal(await raised(), `it takes nothing any more and is to be stopped: ${older}`);
    await flow.redis.zrem(flow.keys.alive("orders"), older);
    await lookOnce(deps, 120_000);
    await lookOnce(deps, 600_000);
    assert.equal(await raised(), undefined);
  }));
