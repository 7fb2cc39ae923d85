import assert from "node:assert/strict";
import { keysFor } from "../../../streams/redis/keys.ts";
import {
  endLease,
  isLeased,
  renewLease,
  takeLease,
  underLease,
} from "../../../streams/redis/lease.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { fromFileUrl, walk } from "../../sources.ts";
import { testContext } from "../../support.ts";

async function setUp(name: string) {
  const test = await testContext(name);
  const redis = await openRedis(test.redisUrl);
  return {
    redis,
    key: keysFor(test.redisPrefix, "EUR").recoveryLease,
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      await test.close();
    },
  };
}

Deno.test("takeLease() gives a lease to one of many", async () => {
  await using deps = await setUp("lease_take");
  const { redis, key } = deps;
  assert.equal(await isLeased(redis, key), false);
  const taken = await Promise.all([1, 2, 3].map(() => takeLease(redis, key, 60_000)));
  const [lease, ...others] = taken.filter((lease) => lease !== null);
  assert.deepEqual(others, []);
  assert.equal(await redis.get(key), lease!.value);
  assert.ok(await redis.pttl(key) > 50_000);
  assert.equal(await isLeased(redis, key), true);
  await endLease(redis, lease!);
  assert.equal(await isLeased(redis, key), false);
});

Deno.test("renewLease() and endLease() leave a lease alone that is another's by now", async () => {
  await using deps = await setUp("lease_others");
  const { redis, key } = deps;
  const first = await takeLease(redis, key, 60_000);
  await redis.pexpire(key, 5_000);
  assert.equal(await renewLease(redis, first!), true);
  assert.ok(await redis.pttl(key) > 50_000);
  await redis.del(key);
  assert.equal(await renewLease(redis, first!), false);
  assert.equal(await redis.exists(key), 0, "a lost lease is not taken anew");
  const second = await takeLease(redis, key, 5_000);
  assert.equal(await renewLease(redis, first!), false);
  await endLease(redis, first!);
  assert.equal(await redis.get(key), second!.value);
  assert.ok(await redis.pttl(key) <= 5_000);
});

Deno.test("underLease() gives the lease back whatever happens", async () => {
  await using deps = await setUp("lease_under");
  const { redis, key } = deps;
  const lease = await takeLease(redis, key, 60_000);
  await assert.rejects(
    underLease(redis, lease!, async () => {
      assert.equal(await isLeased(redis, key), true);
      throw new Error("broken");
    }),
    /broken/,
  );
  assert.equal(await isLeased(redis, key), false);
  const again = await takeLease(redis, key, 60_000);
  assert.equal(await underLease(redis, again!, () => Promise.resolve(7)), 7);
  assert.equal(await isLeased(redis, key), false);
});

Deno.test("takeLease() and isLeased() cut what lives longer than it was given, as a stepped clock leaves it", async () => {
  await using deps = await setUp("lease_stepped");
  const { redis, key } = deps;
  for (const look of [() => takeLease(redis, key, 60_000), () => isLeased(redis, key)]) {
    const lease = await takeLease(redis, key, 6_000);
    await redis.pexpire(key, 7_200_000);
    await look();
    const left = await redis.pttl(key);
    assert.ok(left > 0 && left <= 6_000, String(left));
    await endLease(redis, lease!);
  }
});

Deno.test("nothing but lease.ts takes a lock", async () => {
  const root = fromFileUrl(new URL("../../../", import.meta.url));
  const found: string[] = [];
  for (const folder of ["streams", "routes", "commands"]) {
    for await (const path of walk(`${root}${folder}`, /\.(ts|lua)$/)) {
      const text = await Deno.readTextFile(path);
      if (/["']NX["']|\.setnx\(/.test(text)) found.push(path.slice(root.length));
    }
  }
  // A pause is left as it stands, and a rest after a purge, a seal or a look at the ledger is noted: none of them locks anything.
  assert.deepEqual(found.sort(), [
    "streams/ledger/keep_ledger.ts",
    "streams/queue/pause_group.ts",
    "streams/redis/lease_take.lua",
    "streams/seals/keep_sealing.ts",
    "streams/upkeep/upkeep.ts",
  ]);
});
