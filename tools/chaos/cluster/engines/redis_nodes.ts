/**
 * Redis servers of which one may take another's place.
 *
 * @module
 */

import { Redis } from "ioredis";
import { join } from "node:path";
import { here, type Place } from "../../../engines/place.ts";
import { type RedisEngine, startRedis } from "../../../engines/redis.ts";
import type { ServerOnPort } from "../../../engines/start_on_port.ts";
import { until } from "../../harness/until.ts";
import type { ClusterFolder } from "./database_node.ts";

/** A Redis server with a way to it. */
export interface RedisNode extends RedisEngine {
  readonly name: string;
  /** Sends it a command on a connection that lasts for that command. */
  ask(...command: (string | number)[]): Promise<unknown>;
}

/** Redis servers that hold the same keys. */
export interface RedisNodes {
  readonly nodes: readonly RedisNode[];
  /** As `REDIS_URL`. */
  readonly url: string;
  /** The server that has the product's keys now. */
  master(): Promise<RedisNode>;
  /** Resolves with the server that has them once it is another one than before. */
  masterAfter(before: RedisNode): Promise<RedisNode>;
  stop(): Promise<void>;
}

/** One password for all: a client does not know which of them it meets. */
export const redisPassword = crypto.getRandomValues(new Uint8Array(24)).toHex();

/** Milliseconds that a server gets to answer. */
const answerMs = 1_000;

/** Longest wait for another master, in milliseconds. */
const failoverMs = 60_000;

/** Starts a server. */
export async function startRedisNode(
  folder: ClusterFolder,
  options: { name: string; number: number; extra?: string[] },
): Promise<RedisNode> {
  const { name, number, extra = [] } = options;
  const dir = join(folder.dir, name);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(join(dir, "password"), redisPassword, { mode: 0o600 });
  const place: Place = folder.places?.[number - 1] ?? here;
  const engine = await startRedis({
    dir,
    temporary: true,
    persistence: "aof",
    place,
    // A replica that asks is served at once; usually its master waits some seconds for others.
    extra: [`masterauth ${redisPassword}`, "repl-diskless-sync-delay 0", ...extra],
  });
  return Object.assign(engine, { name, ask: askAt(engine, redisPassword) });
}

/** A way to send single commands to a server. */
export function askAt(
  { address, port }: { address: string; port: number },
  password?: string,
): RedisNode["ask"] {
  return async (...command) => {
    const client = new Redis({
      host: address,
      port,
      password,
      lazyConnect: true,
      connectTimeout: answerMs,
      commandTimeout: answerMs,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      retryStrategy: () => null,
    });
    // A failure reaches the caller through its promise.
    client.on("error", () => {});
    try {
      await client.connect();
      const [name, ...args] = command;
      return await client.call(String(name), ...args);
    } finally {
      client.disconnect();
    }
  };
}

/** Waits until somebody else is asked for than before. */
export async function untilAnother(
  before: RedisNode,
  master: () => Promise<RedisNode>,
): Promise<RedisNode> {
  let found = before;
  await until(`another server than ${before.name} is the master`, failoverMs, async () => {
    found = await master();
    return found !== before || "it still is";
  });
  return found;
}

/** Waits until a server follows its master. */
export async function untilFollows(node: RedisNode): Promise<void> {
  await until(`${node.name} follows`, failoverMs, async () => {
    const info = String(await node.ask("info", "replication"));
    return /master_link_status:up/.test(info) || info;
  });
}

/** Ends all servers, frozen ones too. */
export async function stopRedisNodes(nodes: readonly ServerOnPort[]): Promise<void> {
  await Promise.all(nodes.map(async (node) => {
    node.kill("SIGKILL");
    await node.stop();
  }));
}
