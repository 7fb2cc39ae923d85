import { Redis } from "ioredis";
import assert from "node:assert/strict";
import { messageOf } from "../../../domain/errors.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { isRedisAway, isReplica } from "../../../streams/redis/redis_away.ts";
import { codesOf, faultOfText } from "../../../streams/redis/redis_error_codes.ts";
import { ownRedis } from "../../own_engines.ts";

Deno.test("every code of the table is an outage, by itself, within a script, and in the words of servers before 7.0", async () => {
  await using server = await ownRedis();
  const redis = new Redis(server.url);
  try {
    for (const fault of ["replica", "moving", "unready", "refused"] as const) {
      for (const code of codesOf(fault)) {
        // As a server sends it on, whatever it means.
        const said = await redis.eval(`return redis.error_reply('${code} of a test')`, 0)
          .then(() => "", messageOf);
        assert.equal(faultOfText(said), fault, said);
        const before = `ERR Error running script (call to f_1): @user_script:1: -${code} of a test`;
        assert.equal(faultOfText(before), fault, before);
      }
    }
  } finally {
    redis.disconnect();
  }
});

Deno.test("what a real server says that can't serve is an outage", async () => {
  await using server = await ownRedis(["repl-timeout 1"]);
  const admin = new Redis(server.url);
  const redis = await openRedis(server.url);
  const set = (name: string, value: string) => admin.config("SET", name, value);
  const said = () => redis.set("k", "v").then(() => "", messageOf);
  try {
    await set("min-replicas-to-write", "1");
    assert.equal(faultOfText(await said()), "unready");
    await set("min-replicas-to-write", "0");
    await set("maxmemory", "1");
    assert.match(await said(), /^OOM /);
    assert.equal(faultOfText(await said()), "unready");
    await set("maxmemory", "0");
    await admin.call("ACL", "SETUSER", "default", "-set");
    assert.equal(faultOfText(await said()), "refused");
    await admin.call("ACL", "SETUSER", "default", "+set");
    await admin.replicaof("127.0.0.1", 1);
    const readOnly = await redis.set("k", "v").catch((error) => error);
    assert.ok(isReplica(readOnly) && isRedisAway(readOnly), String(readOnly));
    await set("replica-serve-stale-data", "no");
    const stale = await admin.get("k").catch((error) => error);
    assert.match(messageOf(stale), /^MASTERDOWN /);
    assert.ok(isReplica(stale) && isRedisAway(stale));
  } finally {
    admin.disconnect();
    redis.disconnect();
  }
});

Deno.test("what the driver, sentinels and proxies say of a lost way is an outage; what was asked wrongly is none", () => {
  for (
    const text of [
      "Connection is closed.",
      "Stream isn't writeable and enableOfflineQueue options is false",
      "Command timed out",
      "Reached the max retries per request limit (which is 1). Refer to …",
      "All sentinels are unreachable. Retrying from scratch after 100ms.",
      "None of startup nodes is available",
      "Too many Cluster redirections. Last error: ReplyError: TRYAGAIN Multiple keys request during rehashing of slot",
      "Cluster isn't ready and enableOfflineQueue options is false",
      "Cluster is ended.",
      "read ECONNRESET",
      "getaddrinfo ENOTFOUND redis.example",
      "ERR max number of clients reached",
      "ERR upstream failure",
      "ERR unknown command 'XADD'",
    ]
  ) assert.ok(isRedisAway(new Error(text)), text);
  for (
    const text of [
      "ERR value is not an integer or out of range",
      "WRONGTYPE Operation against a key holding the wrong kind of value",
      "NOGROUP No such key 'orders' or consumer group 'orders'",
      "BUSYGROUP Consumer Group name already exists",
      "ERR syntax error",
      "CROSSSLOT Keys in request don't hash to the same slot",
      "MOVEDX is no code",
    ]
  ) assert.equal(faultOfText(text), undefined, text);
});
