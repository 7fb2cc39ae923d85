import assert from "node:assert/strict";
import { epochOf, readEpoch } from "../../../streams/recovery/epoch.ts";
import { ensureRecovered } from "../../../streams/recovery/recover.ts";
import { scanKeys } from "../../../streams/redis/scan_keys.ts";
import { dumpFigures, loseRedis, verifyNow, withSettled } from "../../settled_workflow.ts";
import { anOrder } from "../../workflow.ts";

Deno.test("readEpoch() tells an empty Redis, the same server and another one apart", () =>
  withSettled("epoch_states", async (flow) => {
    await loseRedis(flow);
    const { state, server } = await readEpoch(flow);
    assert.equal(state, "empty");
    await flow.redis.set(flow.keys.epoch, epochOf(server));
    assert.deepEqual(await readEpoch(flow), { state: "complete", server });
    const [run, replication] = server.split(":");
    for (const other of [`restarted:${replication}`, `${run}:promoted`]) {
      await flow.redis.set(flow.keys.epoch, epochOf(other));
      assert.equal((await readEpoch(flow)).state, "another_server");
    }
  }));

Deno.test("ensureRecovered() brings back what a failover lost, although the epoch is there", () =>
  withSettled("epoch_failover", async (flow) => {
    await ensureRecovered(flow);
    assert.equal(await ensureRecovered(flow), null);
    const figures = await dumpFigures(flow);
    const [order] = await flow.add([anOrder("lost", [{ sku: "a", qty: 1 }])]);
    // The replica that was promoted lacks the message, and what was counted last.
    await flow.redis.xtrim(flow.keys.stream("orders"), "MAXLEN", 0);
    await flow.redis.del(flow.keys.kpiFigure(flow.day, "EUR", "revenue_cents"));
    await flow.redis.set(flow.keys.epoch, epochOf("before:failover"));

    const report = await ensureRecovered(flow);
    assert.ok(report?.kind === "recovered");
    assert.equal(report.republished.orders, 1);
    assert.deepEqual(await dumpFigures(flow), figures);
    await flow.drain();
    assert.equal((await flow.order(order!.orderId!)).status, "PAID");
    assert.equal((await verifyNow(flow)).ok, true);
    assert.equal(await ensureRecovered(flow), null);
  }));

Deno.test("ensureRecovered() makes a Redis good that was restored from an older dump than the database", () =>
  withSettled("epoch_restored", async (flow) => {
    const { redis, keys, test } = flow;
    await ensureRecovered(flow);
    const [waiting] = await flow.add([anOrder("waiting", [{ sku: "a", qty: 1 }])]);
    const kept = await Promise.all(
      [...await scanKeys(redis, test.redisPrefix)].map(async (key) =>
        [key, await redis.dumpBuffer(key)] as const
      ),
    );
    await flow.drain();
    const [later] = await flow.add([anOrder("later", [{ sku: "a", qty: 1 }])]);
    const figures = await dumpFigures(flow);
    // The dump knows messages of orders that are settled by now, and not those that came later.
    await loseRedis(flow);
    for (const [key, value] of kept) await redis.restore(key, 0, value);
    await redis.set(keys.epoch, epochOf("before:restart"));
    assert.notDeepEqual(await dumpFigures(flow), figures);

    assert.equal((await ensureRecovered(flow))?.kind, "recovered");
    assert.deepEqual(await dumpFigures(flow), figures);
    await flow.drain();
    for (const order of [waiting, later]) {
      assert.equal((await flow.order(order!.orderId!)).status, "PAID");
    }
    assert.equal((await verifyNow(flow)).ok, true);
  }));
