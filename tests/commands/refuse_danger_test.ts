import assert from "node:assert/strict";
import { startRedis } from "../../tools/engines/redis.ts";
import { findDangers } from "../../domain/operation/diagnosis.ts";
import { testContext } from "../support.ts";
import { run } from "./run_command.ts";

const database = {
  engine: "mysql",
  version: "8.4.3",
  maxPacketBytes: 67_108_864,
  logsStatements: false,
} as const;
const store = {
  server: "redis",
  version: "7.0.15",
  evictionPolicy: "noeviction",
  appendOnly: false,
  isClusterNode: false,
};

Deno.test("findDangers() finds what loses data or fails every batch, and nothing else", () => {
  const whatOf = (...args: Parameters<typeof findDangers>) =>
    findDangers(...args).map(({ what }) => what);
  assert.deepEqual(whatOf(database, store, ""), []);
  assert.deepEqual(whatOf({ ...database, version: "5.7.44" }, store, ""), ["mysql version"]);
  assert.deepEqual(whatOf({ ...database, maxPacketBytes: 524_288 }, store, ""), [
    "database packet size",
  ]);
  assert.deepEqual(whatOf({ ...database, logsStatements: true }, store, ""), [
    "database binary log",
  ]);
  assert.deepEqual(whatOf(database, { ...store, version: "5.0.7" }, ""), ["redis version"]);
  assert.deepEqual(whatOf(database, { ...store, evictionPolicy: "allkeys-lru" }, ""), [
    "redis eviction",
  ]);
  assert.deepEqual(whatOf(database, { ...store, evictionPolicy: "unknown" }, ""), []);
  assert.deepEqual(whatOf(database, { ...store, isClusterNode: true }, ""), ["redis cluster"]);
  assert.deepEqual(whatOf(database, { ...store, isClusterNode: true }, "{orders}:"), []);
});

Deno.test("consume, start, serve and import refuse a Redis that throws messages away", async () => {
  const test = await testContext("refuse_danger");
  const dir = await Deno.makeTempDir();
  const redis = await startRedis({ dir, extra: ["maxmemory-policy allkeys-lru"] });
  const file = `${dir}/orders.csv`;
  await Deno.writeTextFile(file, "");
  try {
    const env = {
      DATABASE_URL: test.databaseUrl,
      REDIS_URL: redis.url,
      LOG_LEVEL: "error",
      PORT: "0",
    };
    for (const args of [["consume", "--drain"], ["start"], ["serve"], ["import", file]]) {
      const { code, err } = await run(env, ...args as [string]);
      assert.equal(code, 1, String(args[0]));
      assert.match(err, /Refusing to start: redis eviction: .*set maxmemory-policy to noeviction/);
    }
  } finally {
    await redis.stop();
    await Deno.remove(dir, { recursive: true });
    await test.close();
  }
});
