import assert from "node:assert/strict";
import { chooseLanes } from "../../../streams/workflow/choose_lanes.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import type { RedisDeps } from "../../../streams/redis/keys.ts";
import { testContext } from "../../support.ts";

async function withRedis(name: string, work: (deps: RedisDeps) => Promise<void>): Promise<void> {
  const test = await testContext(name);
  const redis = await openRedis(test.redisUrl);
  try {
    await work({ redis, keys: keysFor(test.redisPrefix, "EUR") });
  } finally {
    redis.disconnect();
    await test.close();
  }
}

/** Puts so many messages into the live lane of a group. */
async function fill({ redis, keys }: RedisDeps, group: "orders" | "payments", count: number) {
  const pipeline = redis.pipeline();
  for (let n = 0; n < count; n++) pipeline.xadd(keys.stream(group), "*", "message", "x");
  await pipeline.exec();
}

const times = (caller: string, count: number) => Array.from({ length: count }, () => caller);

Deno.test("chooseLanes() sends everybody by the live lane while few messages wait there", () =>
  withRedis("choose_free", async (deps) => {
    await fill(deps, "orders", 100);
    await fill(deps, "payments", 99);
    assert.deepEqual(await chooseLanes(deps, times("flood", 300)), times("live", 300));
    assert.equal(await deps.redis.exists(deps.keys.crowd), 0, "nothing is counted");
    assert.deepEqual(await chooseLanes(deps, []), []);
  }));

Deno.test("chooseLanes() leaves each caller a small share of a crowded lane, the first of its orders", () =>
  withRedis("choose_crowd", async (deps) => {
    await fill(deps, "orders", 150);
    await fill(deps, "payments", 50);
    const callers = ["flood", "shop", ...times("flood", 8), "shop"];
    assert.deepEqual(await chooseLanes(deps, callers), [
      ...times("live", 6),
      ...times("bulk", 4),
      "live",
    ]);
    assert.deepEqual(await chooseLanes(deps, ["flood", "shop"]), ["bulk", "live"]);
    const ms = await deps.redis.pttl(deps.keys.crowd);
    assert.ok(ms > 0 && ms <= 1_000, `${ms} ms until it is forgotten`);
    await deps.redis.del(deps.keys.crowd);
    assert.deepEqual(await chooseLanes(deps, ["flood"]), ["live"], "a second later");
  }));

Deno.test("chooseLanes() of several processes count together", () =>
  withRedis("choose_together", async (deps) => {
    await fill(deps, "orders", 200);
    const all = await Promise.all(Array.from({ length: 4 }, () => chooseLanes(deps, ["a", "a"])));
    assert.equal(all.flat().filter((lane) => lane === "live").length, 5);
  }));
