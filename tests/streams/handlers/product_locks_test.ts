import assert from "node:assert/strict";
import { silentLog } from "../../../domain/operation/log.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import {
  acquireLocks,
  releaseLocks,
  untilLockFree,
} from "../../../streams/handlers/product_locks.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { testContext } from "../../support.ts";

async function setUp(name: string) {
  const test = await testContext(name);
  const redis = await openRedis(test.redisUrl);
  const keys = keysFor(test.redisPrefix, "EUR");
  return {
    url: test.redisUrl,
    redis,
    keys,
    log: silentLog,
    owners: async () => {
      const names = (await redis.keys(`${keys.productLock}*`)).sort();
      const values = await Promise.all(names.map((name) => redis.get(name)));
      return Object.fromEntries(
        names.map((name, index) => [name.slice(keys.productLock.length), values[index]]),
      );
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      await test.close();
    },
  };
}

Deno.test("acquireLocks() takes all products of an order or none, as many orders as it can", async () => {
  await using deps = await setUp("locks_acquire");
  assert.deepEqual(await acquireLocks(deps, "other", [[3]]), { held: [true], busyProduct: null });
  const orders = [[1, 2], [2, 3], [4], [3], [], [1, 4]];
  assert.deepEqual(await acquireLocks(deps, "me", orders), {
    held: [true, false, true, false, true, true],
    busyProduct: 3,
  });
  assert.deepEqual(await deps.owners(), { 1: "me", 2: "me", 3: "other", 4: "me" });
});

Deno.test("acquireLocks() leaves free what an order could not have all of", async () => {
  await using deps = await setUp("locks_none");
  await acquireLocks(deps, "other", [[9]]);
  assert.deepEqual((await acquireLocks(deps, "me", [[7, 8, 9]])).held, [false]);
  assert.deepEqual(await deps.owners(), { 9: "other" });
});

Deno.test("acquireLocks() takes nothing where fewer orders than asked for can go on", async () => {
  await using deps = await setUp("locks_least");
  await acquireLocks(deps, "other", [[9]]);
  const orders = [[1], [2, 9], [3, 9]];
  assert.deepEqual(await acquireLocks(deps, "me", orders, 2), {
    held: [false, false, false],
    busyProduct: 9,
  });
  assert.deepEqual(await deps.owners(), { 9: "other" });
  assert.deepEqual((await acquireLocks(deps, "me", orders, 1)).held, [true, false, false]);
  assert.deepEqual(await deps.owners(), { 1: "me", 9: "other" });
});

Deno.test("acquireLocks() counts its own token's locks as free and lets locks expire", async () => {
  await using deps = await setUp("locks_own");
  await acquireLocks(deps, "me", [[1]]);
  assert.deepEqual((await acquireLocks(deps, "me", [[1, 2]])).held, [true]);
  const ttl = await deps.redis.pttl(`${deps.keys.productLock}1`);
  assert.ok(ttl > 5_000 && ttl <= 10_000, `${ttl} ms`);
  assert.deepEqual((await acquireLocks(deps, "other", [[1]])).held, [false]);
  await deps.redis.pexpire(`${deps.keys.productLock}1`, 0);
  assert.deepEqual((await acquireLocks(deps, "other", [[1]])).held, [true]);
});

Deno.test("releaseLocks() gives back its own locks only", async () => {
  await using deps = await setUp("locks_release");
  await acquireLocks(deps, "other", [[1]]);
  await acquireLocks(deps, "me", [[2], [3]]);
  await releaseLocks(deps, "me", [1, 2, 99]);
  assert.deepEqual(await deps.owners(), { 1: "other", 3: "me" });
  await releaseLocks(deps, "me", []);
});

Deno.test("acquireLocks() cuts locks that live longer than they were given, as a stepped clock leaves them", async () => {
  await using deps = await setUp("locks_stepped");
  await acquireLocks(deps, "crashed", [[1]]);
  await deps.redis.pexpire(`${deps.keys.productLock}1`, 7_200_000);
  assert.deepEqual((await acquireLocks(deps, "me", [[1]])).held, [false]);
  assert.ok(await deps.redis.pttl(`${deps.keys.productLock}1`) <= 10_000);
});

Deno.test("acquireLocks() and releaseLocks() take thousands of products at once", async () => {
  await using deps = await setUp("locks_many");
  const orders = Array.from({ length: 6_000 }, (_, n) => [n + 1, n + 2]);
  assert.ok((await acquireLocks(deps, "me", orders)).held.every(Boolean));
  assert.equal((await deps.redis.keys(`${deps.keys.productLock}*`)).length, 6_001);
  await releaseLocks(deps, "me", [...new Set(orders.flat())]);
  assert.deepEqual(await deps.owners(), {});
});

Deno.test("acquireLocks() lets everybody go on while Redis can't be asked", async () => {
  await using deps = await setUp("locks_away");
  const events: string[] = [];
  const log = { ...silentLog, warn: (event: string) => events.push(event) };
  const away = await openRedis(deps.url);
  away.disconnect();
  const broken = { ...deps, redis: away, log };
  assert.deepEqual(await acquireLocks(broken, "me", [[1], [2, 3]]), {
    held: [true, true],
    busyProduct: null,
  });
  await releaseLocks(broken, "me", [1, 2, 3]);
  assert.deepEqual(events, ["product locks unavailable", "product locks not released"]);
});

Deno.test("untilLockFree() waits for another's release, and no longer than it may", async () => {
  await using deps = await setUp("locks_until");
  await acquireLocks(deps, "other", [[1, 2]]);
  let isFree = false;
  const waiting = untilLockFree(deps, 1, Infinity).then(() => isFree = true);
  await untilLockFree(deps, 2, performance.now() + 20);
  assert.equal(isFree, false, "still held at the deadline of the second");
  await releaseLocks(deps, "other", [1, 2]);
  await waiting;
});
