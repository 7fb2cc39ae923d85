import { Redis } from "ioredis";
import assert from "node:assert/strict";
import { openBlockingRedis, openRedis } from "../../../streams/redis/redis.ts";
import { run } from "../../commands/run_command.ts";
import type { OwnRedis } from "../../own_engines.ts";
import { masterName, startWatched } from "../../sentinels.ts";
import { pause, post, unsettled, until, withProcess } from "./running_process.ts";

/** Clients of the product that a server has, those of sentinels and replicas apart. */
async function clientsOf(server: OwnRedis): Promise<number> {
  const direct = new Redis(server.url);
  try {
    const list = String(await direct.call("CLIENT", "LIST", "TYPE", "NORMAL"));
    return list.split("\n").filter((line) => /cmd=(xreadgroup|evalsha|get|set|xack)/.test(line))
      .length;
  } finally {
    direct.disconnect();
  }
}

Deno.test("a process follows the master that sentinels name: killed, moved, frozen, and back", async () => {
  await using watched = await startWatched();
  await withProcess(() => ({ redis: watched.url }), async (api) => {
    const settles = async (name: string) => {
      await until(`${name} is taken`, 30_000, async () => await post(api, name) === 202);
      await until(`${name} settles`, 30_000, async () => await unsettled(api) === 0);
    };
    await settles("before");
    const first = await watched.master();
    await until("every group reads there", 30_000, async () => await clientsOf(first) >= 8);

    first.kill("SIGKILL");
    const second = await watched.promotedAfter(first);
    await settles("after a kill");
    await until(
      "every group reads at the new one",
      30_000,
      async () => await clientsOf(second) >= 8,
    );

    await first.restart();
    await until("the old master follows", 30_000, async () => {
      const told = await watched.tell("REPLICAS", masterName) as string[][];
      return told.some((fields) => fields[fields.indexOf("master-link-status") + 1] === "ok");
    });
    // Nobody is told but by the sentinels: connections to the one that was demoted live on.
    await watched.tell("FAILOVER", masterName);
    const third = await watched.promotedAfter(second);
    await settles("after a switch-over");

    await until("the other one follows", 30_000, async () => {
      const told = await watched.tell("REPLICAS", masterName) as string[][];
      return told.some((fields) => fields[fields.indexOf("master-link-status") + 1] === "ok");
    });
    third.kill("SIGSTOP");
    await watched.promotedAfter(third);
    await settles("after a freeze");
    third.kill("SIGCONT");
    await settles("after its end");
    const env = { DATABASE_URL: api.test.databaseUrl, REDIS_URL: watched.url };
    assert.match(
      (await run(env, "doctor")).out,
      /^(ok|warning) +redis sentinels +(127\.0\.0\.1:\d+(, |: )){3}orders-master is 127\.0\.0\.1:\d+, quorum 2 of 3, replicas: 1/m,
    );
    const [dead] = await api.deps.db.query("select count(*) as dead from dead_letters");
    assert.equal(Number(dead!.dead), 0);
  });
});

/** What hears of failovers for a client; the driver has no other word for it. */
interface Detecting {
  connector: { failoverDetector: { sentinels: { client: Redis }[] } };
}

Deno.test("a failover that is told of while a connection is being opened again does not end it for good", async () => {
  await using watched = await startWatched();
  const client = await openRedis(watched.url);
  try {
    const first = await watched.master();
    assert.ok(client instanceof Redis);
    await until("it listens to the sentinels", 5_000, () =>
      Promise.resolve(
        (client as unknown as Detecting).connector.failoverDetector?.sentinels.length === 3,
      ));
    const { sentinels } = (client as unknown as Detecting).connector.failoverDetector;
    const told = new Promise<void>((resolve) =>
      client.once("connecting", () => {
        assert.equal(client.status, "connecting");
        for (const { client } of sentinels) client.emit("message", "+switch-master", "");
        resolve();
      })
    );
    first.kill("SIGKILL");
    await told;
    await watched.promotedAfter(first);
    await until("it is open again", 10_000, () => Promise.resolve(client.status === "ready"));
  } finally {
    client.disconnect();
  }
});

Deno.test("sentinels that are gone, frozen or lack the master are passed over, and told of where all are", async () => {
  await using watched = await startWatched();
  const [one, two, three] = watched.sentinels;
  one!.kill("SIGSTOP");
  await two!.stop();
  const redis = await openRedis(watched.url);
  const blocking = await openBlockingRedis(watched.url);
  assert.equal(await redis.set("k", "v"), "OK");
  redis.disconnect();
  blocking.disconnect();

  const { password } = watched;
  const left = `127.0.0.1:${three!.port}`;
  const refused = (url: string) => openRedis(url).then(() => "no fault", (error) => String(error));
  assert.match(
    await refused(
      `redis+sentinel://:${password}@${left}/other?sentinel-password=sentinel-password`,
    ),
    /Cannot reach Redis at redis\+sentinel:\/\/\*\*\*@.*sentinel-password=\*\*\*: the sentinels watch no master of the name that REDIS_URL has/,
  );
  assert.match(
    await refused(`redis+sentinel://:${password}@${left}/${masterName}`),
    /a sentinel asks for a password of its own, .*add sentinel-password=/,
  );
  await three!.stop();
  assert.match(await refused(watched.url), /no sentinel tells where the master is.*start them/);
  one!.kill("SIGCONT");
  await pause(0);
});
