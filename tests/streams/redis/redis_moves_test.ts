import { Redis } from "ioredis";
import assert from "node:assert/strict";
import { startProxy, withPort } from "../../../tools/chaos/harness/proxy.ts";
import { isReplica } from "../../../streams/redis/redis_away.ts";
import { openBlockingRedis, openRedis } from "../../../streams/redis/redis.ts";
import { ownRedis } from "../../own_engines.ts";
import { ask } from "../../routes/api.ts";
import type { TestContext } from "../../support.ts";
import { pause, post, unsettled, until, withProcess } from "./running_process.ts";

Deno.test("connections follow a master that has become a replica to its successor", async () => {
  await using first = await ownRedis();
  const { password } = new URL(first.url);
  await using second = await ownRedis();
  const direct = [first, second].map(({ url }) => new Redis(url));
  const [one, two] = direct as [Redis, Redis];
  // One password for both, as behind one address.
  await two.config("SET", "requirepass", password);
  for (const server of direct) await server.config("SET", "masterauth", password);
  await two.replicaof("127.0.0.1", first.port);
  await until(
    "the replica follows",
    10_000,
    async () => (await two.info("replication")).includes("master_link_status:up"),
  );
  const proxy = startProxy(first.port);
  const url = withPort(first.url, proxy.port);
  try {
    const redis = await openRedis(url);
    const blocking = await openBlockingRedis(url);
    await redis.xgroup("CREATE", "moves", "g", "0", "MKSTREAM");
    await withProcess(() => ({ redis: url }), async (api) => {
      assert.equal(await post(api, "before"), 202);
      await until("the first order settles", 15_000, async () => await unsettled(api) === 0);

      await two.replicaof("NO", "ONE");
      await one.replicaof("127.0.0.1", second.port);
      // The connection leads to the old master for as long as it lives.
      await assert.rejects(redis.set("k", "v"), isReplica);
      const unready = await ask(api, "GET", "/readyz");
      if (unready.status === 503) assert.match(unready.body.checks.redis, /read-only|no answer/);
      proxy.redirect(second.port);
      const start = performance.now();
      assert.equal(await post(api, "after"), 202);
      await until(
        "Redis takes writes",
        15_000,
        () => redis.set("k", "v").then(() => true, () => false),
      );
      await until(
        "the blocking connection reads",
        15_000,
        () =>
          (blocking.xreadgroup("GROUP", "g", "me", "BLOCK", 10, "STREAMS", "moves", ">") as Promise<
            unknown
          >).then(() => true, () => false),
      );
      await until("the second order settles", 15_000, async () => await unsettled(api) === 0);
      assert.ok(performance.now() - start < 15_000);
    });
    redis.disconnect();
    blocking.disconnect();
  } finally {
    for (const client of direct) client.disconnect();
    proxy.end();
  }
});

Deno.test("a connection whose host has vanished is thrown away, waiting or blocked", async () => {
  await using server = await ownRedis();
  const proxy = startProxy(server.port);
  const url = withPort(server.url, proxy.port);
  const redis = await openRedis(url, { silenceMs: 400 });
  const blocking = await openBlockingRedis(url, { silenceMs: 800 });
  try {
    await redis.xgroup("CREATE", "s", "g", "0", "MKSTREAM");
    const read = () =>
      blocking.xreadgroup("GROUP", "g", "me", "BLOCK", 200, "STREAMS", "s", ">") as Promise<
        unknown
      >;
    assert.equal(await read(), null);
    // A slow answer is no silence of the host's.
    await redis.call("CLIENT", "PAUSE", "250");
    assert.equal(await redis.set("k", "1"), "OK");

    proxy.vanish();
    const start = performance.now();
    const [set, reply] = await Promise.all([
      redis.set("k", "2"),
      read().then(async (first) => first ?? (await redis.xadd("s", "*", "f", "v"), await read())),
    ]);
    assert.equal(set, "OK");
    assert.match(JSON.stringify(reply), /"f","v"/);
    assert.ok(performance.now() - start < 8_000);
    assert.equal(await redis.get("k"), "2");
  } finally {
    redis.disconnect();
    blocking.disconnect();
    proxy.end();
  }
});

Deno.test("a blocked read whose host has vanished gives its messages to whoever reads", async () => {
  await using server = await ownRedis();
  const proxy = startProxy(server.port);
  const direct = await openRedis(server.url);
  const blocking = await openBlockingRedis(withPort(server.url, proxy.port));
  try {
    await direct.xgroup("CREATE", "s", "g", "0", "MKSTREAM");
    proxy.vanish();
    const read = () =>
      blocking.xreadgroup("GROUP", "g", "me", "BLOCK", 500, "STREAMS", "s", ">") as Promise<
        unknown
      >;
    const first = read();
    // The server has ended the read that it knows of.
    await pause(1_000);
    await direct.xadd("s", "*", "f", "v");
    let reply = await first;
    while (reply === null && (await direct.xpending("s", "g"))[0] === 0) reply = await read();
    assert.match(JSON.stringify(reply), /"f","v"/);
  } finally {
    direct.disconnect();
    blocking.disconnect();
    proxy.end();
  }
});

Deno.test("orders that were taken while connections flap settle soon after", async () => {
  await using server = await ownRedis();
  const redisProxy = startProxy(server.port);
  const databaseProxy = startProxy(0);
  const urlsOf = ({ databaseUrl }: TestContext) => {
    databaseProxy.redirect(Number(new URL(databaseUrl).port));
    return {
      redis: withPort(server.url, redisProxy.port),
      database: withPort(databaseUrl, databaseProxy.port),
    };
  };
  try {
    await withProcess(urlsOf, async (api) => {
      assert.equal(await post(api, "before"), 202);
      await until("the first order settles", 15_000, async () => await unsettled(api) === 0);
      const names = new Set<string>();
      const end = performance.now() + 3_000;
      // On a busy machine so many take longer.
      for (let n = 0; performance.now() < end || (names.size <= 10 && n < 500); n++) {
        if (n % 3 === 0) redisProxy.cut();
        if (n % 5 === 0) databaseProxy.cut();
        if (n % 40 === 0) {
          redisProxy.close();
          setTimeout(() => redisProxy.open(), 500);
        }
        const name = `flap ${n}`;
        if (await post(api, name) === 202) names.add(name);
      }
      assert.ok(names.size > 10, String(names.size));
      // These can't be published when they are committed.
      redisProxy.close();
      for (let n = 0; n < 5; n++) assert.equal(await post(api, `late ${n}`), 202);
      redisProxy.open();
      await until("all orders settle", 15_000, async () => await unsettled(api) === 0);
    });
  } finally {
    redisProxy.end();
    databaseProxy.end();
  }
});
