import assert from "node:assert/strict";
import { keysFor } from "../../../streams/redis/keys.ts";
import { countRequest } from "../../../streams/redis/rate_limit.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { type TestContext, testContext } from "../../support.ts";

let test: TestContext;
let redis: RedisClient;
Deno.test.beforeAll(async () => {
  test = await testContext("rate_limit");
  redis = await openRedis(test.redisUrl);
});
Deno.test.afterAll(async () => {
  redis.disconnect();
  await test.close();
});

const deps = () => ({ redis, keys: keysFor(test.redisPrefix, "EUR") });

Deno.test("countRequest() lets as many through at once as the limit says, of each caller", async () => {
  const counts = [];
  for (let n = 0; n < 5; n++) counts.push(await countRequest(deps(), "many", 3));
  assert.deepEqual(counts.map(({ allowed }) => allowed), [true, true, true, false, false]);
  assert.deepEqual(counts.map(({ left }) => left), [2, 1, 0, 0, 0]);
  const [first, , , refused] = counts;
  assert.ok(first!.resetMs <= 20_000 && first!.resetMs > 15_000, String(first!.resetMs));
  assert.equal(first!.retryMs, 0);
  assert.ok(refused!.retryMs > 15_000 && refused!.retryMs <= 20_000, String(refused!.retryMs));
  assert.ok((await countRequest(deps(), "other", 3)).allowed);
});

Deno.test("countRequest() forgets evenly, and keeps nothing once all is forgotten", async () => {
  const key = `${deps().keys.rateLimit}old`;
  for (let n = 0; n < 3; n++) await countRequest(deps(), "old", 3);
  assert.ok(await redis.pttl(key) <= 60_000);
  const minus = async (seconds: number) => {
    await redis.set(key, String(Number(await redis.get(key)) - seconds * 1_000_000), "KEEPTTL");
  };
  await minus(20);
  assert.ok((await countRequest(deps(), "old", 3)).allowed);
  assert.ok(!(await countRequest(deps(), "old", 3)).allowed);
  await minus(600);
  assert.equal((await countRequest(deps(), "old", 3)).left, 2);
});
