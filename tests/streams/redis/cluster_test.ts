import assert from "node:assert/strict";
import { Cluster } from "ioredis";
import { encryptionOf, openBlockingRedis, openRedis } from "../../../streams/redis/redis.ts";
import { startCluster } from "../../clusters.ts";
import { makeCertificates } from "../../certificates.ts";
import { run } from "../../commands/run_command.ts";
import { pause, post, unsettled, until, withProcess } from "./running_process.ts";

Deno.test("a slot moves under load, and its master is killed, and no message loses a try", async () => {
  await using cluster = await startCluster();
  const [first, second] = cluster.nodes;
  const slot = Number(await first!.admin.cluster("KEYSLOT", "{orders}:x"));
  // One URL: that it is a cluster's is found out, whichever node it is.
  const redisUrl = second!.url;
  await withProcess(() => ({ redis: redisUrl, prefix: "{orders}:" }), async (api) => {
    const { redis, keys, db, config } = api.deps;
    assert.ok(redis instanceof Cluster);
    const end = new AbortController();
    let taken = 0;
    const load = (async () => {
      for (let n = 0; !end.signal.aborted; n++) if (await post(api, `order ${n}`) === 202) taken++;
    })();
    let steps = 0;
    for (let round = 0; round < 6; round++) {
      const owner = await cluster.ownerOf(slot);
      const to = cluster.nodes.slice(0, 3).find((node) => node !== owner)!;
      steps += await cluster.move(slot, to);
      await pause(150);
    }
    assert.ok(steps > 20, String(steps));
    await cluster.move(slot, first!).catch(() => {});
    const before = taken;
    first!.kill("SIGKILL");
    await until("orders are taken again", 30_000, () => Promise.resolve(taken > before + 5));
    end.abort();
    await load;
    await until("all settle", 60_000, async () => await unsettled(api) === 0);
    const [dead] = await db.query("select count(*) as dead from dead_letters");
    assert.equal(Number(dead!.dead), 0);
    for (const group of ["orders", "payments", "notifications"] as const) {
      assert.equal(await redis.hget(keys.stats(group), "retried"), null, group);
    }
    const env = {
      DATABASE_URL: config.databaseUrl,
      REDIS_URL: cluster.nodes[3]!.url,
      REDIS_PREFIX: config.redisPrefix,
      LOG_LEVEL: "error",
    };
    const { code, out } = await run(env, "verify");
    assert.equal(code, 0, out);
  });
});

Deno.test("an encrypted cluster is reached by one endpoint, its names and a client's certificate", async () => {
  await using certificates = await makeCertificates();
  const { ca, server, client, otherCa } = certificates;
  await using cluster = await startCluster((port) => [
    `tls-port ${port}`,
    `tls-cert-file ${server.cert}`,
    `tls-key-file ${server.key}`,
    `tls-ca-cert-file ${ca}`,
    "tls-auth-clients yes",
    "tls-cluster yes",
    "tls-replication yes",
    "cluster-announce-hostname localhost",
    "cluster-preferred-endpoint-type hostname",
  ]);
  const [first, , third] = cluster.nodes;
  const slot = Number(await first!.admin.cluster("KEYSLOT", "{orders}:x"));
  const owner = await cluster.ownerOf(slot);
  // Whoever is asked sends on to another one, by its name.
  const asked = owner === third ? first! : third!;
  const urlOf = (query: string) =>
    `rediss://:${cluster.password}@localhost:${asked.tlsPort}?${query}`;
  const own = `ssl-cert=${client.cert}&ssl-key=${client.key}`;
  for (const cluster of ["", "&cluster=true"]) {
    const redis = await openRedis(urlOf(`ssl-ca=${ca}&${own}${cluster}`));
    const blocking = await openBlockingRedis(urlOf(`ssl-ca=${ca}&${own}${cluster}`));
    try {
      await redis.xgroup("CREATE", "{orders}:s", "g", "0", "MKSTREAM").catch(() => {});
      await redis.xadd("{orders}:s", "*", "f", "v");
      const read = await blocking.call(
        ..."XREADGROUP GROUP g me BLOCK 100 STREAMS {orders}:s >".split(" ") as [string],
      );
      assert.match(JSON.stringify(read), /"f","v"/);
      assert.match(encryptionOf(redis)!.protocol, /^TLS/);
      assert.match(encryptionOf(blocking)!.protocol, /^TLS/);
    } finally {
      redis.disconnect();
      blocking.disconnect();
    }
  }
  const refusal = (query: string) =>
    openRedis(urlOf(query)).then(() => "no fault", (error) => String(error));
  assert.match(await refusal(`ssl-ca=${otherCa}&${own}`), /certificate|unknown|signed/i);
  assert.match(await refusal(`ssl-ca=${ca}`), /Cannot reach Redis/);
});
