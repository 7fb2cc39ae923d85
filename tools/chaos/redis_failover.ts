/**
 * A failover to a replica that lacks the last writes that had been acknowledged.
 *
 * @module
 */

import { join } from "node:path";
import { type RedisEngine, startRedis } from "../engines/redis.ts";
import { feed } from "./harness/feed.ts";
import { verifyNow } from "./harness/verification.ts";
import { type Proxy, startProxy, withPort } from "./harness/proxy.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";
import { wholeAgain } from "./harness/whole_again.ts";
import { openRedis, type RedisClient } from "../../streams/redis/redis.ts";

const scenario: Scenario = {
  name: "redis_failover",
  summary: "a replica is promoted that lacks the last acknowledged writes",
  stage: { proxied: true, env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures, redisProxy, ownRedisProxy } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = feed(stage, { backlog: 600 });
    const end = performance.now() + stage.seconds * 1_000;
    const promoted: RedisEngine[] = [];
    let master = stage.redis;
    let lostWrites = 0;
    try {
      for (let round = 1; performance.now() < end; round++) {
        const replica = await startReplica(stage, master, round);
        promoted.push(replica.engine);
        await pauseMs(random.integer(300, 1_000));
        replica.link.freeze();
        await pauseMs(random.integer(50, 800));

        const lost = await offsetOf(stage.client) - await offsetOf(replica.client);
        master.kill("SIGKILL");
        figures.faults++;
        lostWrites += lost;
        replica.link.end();
        await replica.client.replicaof("NO", "ONE");
        replica.client.disconnect();
        for (const proxy of [redisProxy, ownRedisProxy]) {
          proxy.redirect(replica.engine.port);
          proxy.cut();
        }
        master = replica.engine;
        await wholeAgain(stage, performance.now());
      }
      await orders.stop();
      await verifyNow(stage, consumers, { orders: orders.orders });
      if (lostWrites === 0) throw new Error("no failover lost a write");
      figures.notes.push(`${lostWrites} bytes of acknowledged writes lost`);
    } finally {
      for (const engine of promoted) await engine.stop();
    }
  },
};

export default scenario;

interface Replica {
  engine: RedisEngine;
  client: RedisClient;
  /** The way from the master. */
  link: Proxy;
}

/** Starts a replica behind a relay and waits until it follows. */
async function startReplica(stage: Stage, master: RedisEngine, round: number): Promise<Replica> {
  const link = startProxy(master.port);
  const password = decodeURIComponent(new URL(master.url).password);
  const dir = join(stage.dir, `replica_${round}`);
  // The same password: to the product it is one Redis that answers on one address.
  await Deno.mkdir(dir, { mode: 0o700 });
  await Deno.writeTextFile(join(dir, "password"), password, { mode: 0o600 });
  const engine = await startRedis({
    dir,
    temporary: true,
    extra: [`replicaof 127.0.0.1 ${link.port}`, `masterauth ${password}`],
  });
  const client = await openRedis(withPort(engine.url, engine.port));
  await until("the replica follows", 20_000, async () => {
    const info = await client.info("replication");
    return /master_link_status:up/.test(info) || info;
  });
  return { engine, client, link };
}

/** Bytes of the replication stream, as a server counts them. */
async function offsetOf(client: RedisClient): Promise<number> {
  const info = await client.info("replication");
  const own = /role:slave/.test(info) ? /slave_repl_offset:(\d+)/ : /master_repl_offset:(\d+)/;
  return Number(own.exec(info)![1]);
}
