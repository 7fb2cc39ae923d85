import { fromFileUrl, walk } from "../../sources.ts";
import assert from "node:assert/strict";
import { openRedis } from "../../../streams/redis/redis.ts";
import { findRefusedCommands, triedCommands } from "../../../streams/redis/redis_commands.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { csvOf } from "../../csv_orders.ts";
import { run } from "../../commands/run_command.ts";
import { ownRedis } from "../../own_engines.ts";
import { testContext } from "../../support.ts";

/** Commands that managed servers forbid, everywhere or in scripts. */
const forbidden = ["KEYS", "CONFIG", "DEBUG", "MONITOR", "FLUSHALL", "FLUSHDB", "SAVE", "SHUTDOWN"];

/** Methods of the client that are no commands. */
const noCommands = new Set(
  "call client defineCommand disconnect multi nodes off on once options pipeline status stream"
    .split(" "),
);

/** The command of a method of the client; some give bytes instead of text. */
const commandOf = (method: string) => method.replace(/Buffer$/, "").toUpperCase();

Deno.test("every command that is sent or that a script runs is known to be needed", async () => {
  const root = fromFileUrl(new URL("../../../", import.meta.url));
  const found = new Map<string, string>();
  for await (const file of walk(`${root}streams`, /\.lua$/)) {
    const text = await Deno.readTextFile(file);
    for (const [, command] of text.matchAll(/\bp?call\('([A-Z]+)'/g)) found.set(command!, file);
  }
  for (const folder of ["streams", "routes", "commands"]) {
    for await (const file of walk(`${root}${folder}`, /\.tsx?$/)) {
      if (file.endsWith("/redis_commands.ts")) continue;
      const text = await Deno.readTextFile(file);
      const calls = text.matchAll(
        /\b(?:redis|blocking|transaction|pipeline|writes|node|multi\(\))\s*\.([a-zA-Z]+)\(/g,
      );
      for (const [, method] of calls) {
        if (!noCommands.has(method!)) found.set(commandOf(method!), file);
      }
      for (const [, command] of text.matchAll(/\.call\("([A-Z]+)"/g)) found.set(command!, file);
    }
  }
  assert.ok(found.size > 40);
  for (const [command, where] of found) {
    assert.ok(triedCommands.has(command), `doctor does not try ${command} of ${where}`);
    assert.ok(!forbidden.includes(command), `${where} uses ${command}`);
  }
  // What nobody needs is asked of nobody: the least that a user must be allowed is made of these.
  // The last is sent at the end of a chain, which is not seen above.
  const implied = ["EVAL", "EXEC", "MULTI", "HMGET"];
  const unused = [...triedCommands].filter((name) => !found.has(name) && !implied.includes(name));
  assert.deepEqual(unused, []);
});

/** A Redis with a user who may do only so much under a prefix, and the settings that lead there. */
async function withUser(
  rules: string[],
  work: (env: Record<string, string>) => Promise<void>,
): Promise<void> {
  await using server = await ownRedis();
  const admin = await openRedis(server.url);
  const test = await testContext("redis_commands");
  try {
    await admin.call("ACL", "SETUSER", "app", "on", ">secret", "~acl:*", ...rules);
    await work({
      DATABASE_URL: test.databaseUrl,
      REDIS_URL: `redis://app:secret@127.0.0.1:${server.port}`,
      REDIS_PREFIX: "acl:",
      GATEWAY_DELAY_MS: "10",
      LOG_LEVEL: "error",
    });
  } finally {
    admin.disconnect();
    await test.close();
  }
}

Deno.test("everything works for a user who may run no dangerous command but INFO", () =>
  withUser(["+@all", "-@admin", "-@dangerous", "+info"], async (env) => {
    const file = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      await Deno.writeTextFile(
        file,
        csvOf([{ external_order_id: "a" }, { external_order_id: "b" }]),
      );
      const type = async (...args: string[]) => {
        const ran = await run(env, ...args);
        assert.equal(ran.code, 0, `${args.join(" ")}: ${ran.out}\n${ran.err}`);
        return ran.out;
      };
      await type("migrate");
      await type("recover");
      await type("import", file);
      await type("consume", "--drain");
      await type("kpis", "--rebuild");
      await type("verify");
      assert.match(await type("doctor"), /^ok +redis commands +all that are needed are allowed$/m);
    } finally {
      await Deno.remove(file);
    }
  }));

Deno.test("doctor names every command that a user may not run, and exits 1", () =>
  withUser(["+@all", "-xclaim", "-xgroup|create", "-eval", "-evalsha"], async (env) => {
    await run(env, "migrate");
    const { code, out } = await run(env, "doctor");
    assert.equal(code, 1);
    assert.match(out, /^problem +redis commands +XGROUP CREATE, XCLAIM, EVAL refused: NOPERM /m);
    assert.match(
      out,
      /→ type in redis-cli: ACL SETUSER \w+ ~\S+ \+@all -@admin -@dangerous \+info$/m,
    );
  }));

Deno.test("findRefusedCommands() leaves nothing behind, and sees what a server does not have", async () => {
  await using server = await ownRedis(['rename-command BITFIELD ""']);
  const redis = await openRedis(server.url);
  try {
    const keys = keysFor("p:", "EUR");
    const refused = await findRefusedCommands({ redis, keys });
    assert.deepEqual(refused.map(({ command }) => command), ["BITFIELD"]);
    assert.equal(await redis.call("DBSIZE"), 0);
  } finally {
    redis.disconnect();
  }
});
