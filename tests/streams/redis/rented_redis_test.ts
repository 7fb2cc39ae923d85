import { Redis } from "ioredis";
import assert from "node:assert/strict";
import { openRedis } from "../../../streams/redis/redis.ts";
import { dispensable, triedCommands } from "../../../streams/redis/redis_commands.ts";
import { run } from "../../commands/run_command.ts";
import { csvOf } from "../../csv_orders.ts";
import { type OwnRedis, ownRedis } from "../../own_engines.ts";
import { testContext } from "../../support.ts";
import { refusingProxy } from "./refusing_proxy.ts";
import { pause, post, unsettled, until, withProcess } from "./running_process.ts";

/** Types commands against a Redis as it is rented, and tells what doctor says. */
async function wholeFlow(url: string, prefix = ""): Promise<string> {
  const test = await testContext("rented_redis");
  const file = await Deno.makeTempFile({ suffix: ".csv" });
  try {
    const env = {
      DATABASE_URL: test.databaseUrl,
      REDIS_URL: url,
      REDIS_PREFIX: prefix,
      GATEWAY_DELAY_MS: "10",
      LOG_LEVEL: "error",
    };
    await Deno.writeTextFile(
      file,
      csvOf([{ external_order_id: "a" }, { external_order_id: "b" }]),
    );
    const commands = [
      ["migrate"],
      ["recover"],
      ["import", file],
      ["consume", "--drain"],
      ["kpis", "--rebuild"],
      ["verify"],
    ];
    for (const args of commands) {
      const ran = await run(env, ...args);
      assert.equal(ran.code, 0, `${args.join(" ")}: ${ran.out}\n${ran.err}`);
    }
    const { code, out } = await run(env, "doctor");
    assert.equal(code, 0, out);
    return out;
  } finally {
    await Deno.remove(file);
    await test.close();
  }
}

/** A user's URL on a server. */
async function withUser(server: OwnRedis, rules: readonly string[]): Promise<string> {
  const admin = new Redis(server.url);
  await admin.call("ACL", "SETUSER", "app", "reset", "on", ">secret", ...rules);
  admin.disconnect();
  return `redis://app:secret@127.0.0.1:${server.port}`;
}

/** What the guide says is the least that suffices, after the prefix. */
async function leastRules(): Promise<string[]> {
  const guide = await Deno.readTextFile(new URL("../../../docs/operating.md", import.meta.url));
  const [, rules] = /^ACL SETUSER orders on >PASSWORD ~PREFIX\* (-@all .*)$/m.exec(guide) ?? [];
  return rules!.split(" ");
}

Deno.test("a user who may run nothing but what is needed does the whole work", async () => {
  await using server = await ownRedis();
  const least = await leastRules();
  const needed = [...triedCommands].filter((name) => !dispensable.has(name));
  const names = [...needed, "EVALSHA"].map((name) => `+${name.toLowerCase()}`).sort();
  assert.deepEqual(least, ["-@all", ...names]);
  const out = await wholeFlow(await withUser(server, ["~acl:*", ...least]), "acl:");
  assert.match(out, /^warning +redis INFO +refused: whether it evicts/m);
  assert.match(out, /^warning +redis eviction +the server does not tell/m);
  assert.match(out, /^ok +redis commands/m);
});

Deno.test("a Redis without CONFIG, INFO, CLIENT and KEYS, by a user or by renamed commands, does the whole work", async () => {
  const gone = ["config", "info", "client", "keys", "debug", "monitor", "flushall"];
  await using server = await ownRedis();
  const rules = ["~*", "+@all", ...gone.map((name) => `-${name}`)];
  const out = await wholeFlow(await withUser(server, rules));
  assert.match(out, /^ok +(redis|valkey) version +\d/m);
  await using renamed = await ownRedis(gone.map((name) => `rename-command ${name} ""`));
  assert.match(await wholeFlow(renamed.url), /^warning +redis INFO/m);
});

Deno.test("a proxy without blocking reads is looked at ten times a second", async () => {
  await using server = await ownRedis();
  const proxy = refusingProxy(
    server.port,
    (args) =>
      args.some((arg) => arg.toUpperCase() === "BLOCK")
        ? "ERR unsupported command 'XREADGROUP' with BLOCK"
        : undefined,
  );
  const url = server.url.replace(`:${server.port}`, `:${proxy.port}`);
  try {
    assert.match(await wholeFlow(url), /^warning +redis XREADGROUP BLOCK +refused: new messages/m);
    await withProcess(() => ({ redis: url }), async (api) => {
      // It is idle by now.
      await pause(300);
      assert.equal(await post(api, "polled"), 202);
      await until("it settles", 15_000, async () => await unsettled(api) === 0);
    });
    assert.ok(proxy.refused > 0);
  } finally {
    proxy.end();
  }
});

Deno.test("one database, few connections, and idle ones that are ended after a second", async () => {
  await using server = await ownRedis(["databases 1", "maxclients 20", "timeout 1"]);
  const out = await wholeFlow(server.url);
  assert.match(out, /^warning +redis connections +20 are allowed, and one process opens 10/m);
  await withProcess(() => ({ redis: server.url }), async (api) => {
    for (let n = 0; n < 3; n++) {
      await pause(1_300);
      assert.equal(await post(api, `idle ${n}`), 202);
    }
    await until("they settle", 15_000, async () => await unsettled(api) === 0);
  });
});

Deno.test("a Redis that evicts is refused, and what it has thrown away is published again", async () => {
  await using server = await ownRedis(["maxmemory 100mb", "maxmemory-policy allkeys-lru"]);
  const test = await testContext("rented_evicts");
  const env = { DATABASE_URL: test.databaseUrl, REDIS_URL: server.url, LOG_LEVEL: "error" };
  try {
    await run(env, "migrate");
    const started = await run(env, "consume", "--drain");
    assert.equal(started.code, 1);
    assert.match(started.err, /redis eviction: maxmemory-policy is allkeys-lru/);
    const { code, out } = await run(env, "doctor");
    assert.equal(code, 1);
    assert.match(out, /^problem +redis eviction/m);
  } finally {
    await test.close();
  }
  // One that was set so while everything runs: streams, marks and figures vanish one after the other.
  await withProcess(() => ({ redis: server.url }), async (api) => {
    const { redis, keys } = api.deps;
    for (let n = 0; n < 20; n++) {
      assert.equal(await post(api, `evicted ${n}`), 202);
      if (n % 4 !== 3) continue;
      const evicted = await redis.call("RANDOMKEY") as string | null;
      if (evicted !== null) await redis.del(evicted);
      await redis.del(keys.stream(n % 8 === 3 ? "orders" : "payments"));
    }
    // What the sweep would do in its time.
    await redis.del(keys.epoch);
    // Where a recovery was at work as the epoch went, the sweep of the next minute finds the rest.
    await until("all settle", 90_000, async () => await unsettled(api) === 0);
  });
});

Deno.test("a password that is replaced in its file is used from the next connection on", async () => {
  await using server = await ownRedis();
  const admin = new Redis(server.url);
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "first\n");
    await admin.call("ACL", "SETUSER", "app", "on", ">first", "~*", "+@all");
    const url = `redis://app@127.0.0.1:${server.port}?password-file=${file}`;
    await withProcess(() => ({ redis: url }), async (api) => {
      assert.equal(await post(api, "before"), 202);
      await until("it settles", 15_000, async () => await unsettled(api) === 0);
      await admin.call("ACL", "SETUSER", "app", ">second", "<first");
      await admin.client("KILL", "USER", "app");
      // Nobody gets in until the file has it.
      await until("orders wait", 10_000, async () => {
        const names = String(await admin.call("CLIENT", "LIST"));
        return !names.includes("user=app");
      });
      await Deno.writeTextFile(file, "second\n");
      await until("orders are taken", 15_000, async () => await post(api, "after") === 202);
      await until("they settle", 15_000, async () => await unsettled(api) === 0);
      const [dead] = await api.deps.db.query("select count(*) as dead from dead_letters");
      assert.equal(Number(dead!.dead), 0);
    });
    (await openRedis(url)).disconnect();
    await Deno.remove(file);
    await assert.rejects(openRedis(url), /password-file .* cannot be read/);
  } finally {
    admin.disconnect();
  }
});
