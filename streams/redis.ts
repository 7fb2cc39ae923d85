/**
 * Connections to Redis, a single node or a cluster.
 *
 * @module
 */

import { Cluster, Redis, type RedisOptions } from "ioredis";
import { messageOf, WorkflowError } from "../domain/errors.ts";

/** A connection; what the two kinds have in common is all that is used of them. */
export type RedisClient = Redis | Cluster;

/** The longest that a blocked read stays on the server, in milliseconds. */
export const longestBlockMs = 2_000;

/** A command that takes longer has failed: a server that hangs must not hang its callers. */
const commandTimeoutMs = 10_000;

/**
 * Opens a connection for ordinary commands. They fail at once while Redis is away, instead of queueing
 * up; the connection comes back by itself.
 *
 * @param url as `REDIS_URL`
 * @throws {WorkflowError} `unavailable` when no connection comes about
 */
export function openRedis(url: string): Promise<RedisClient> {
  return connect(url, "commands", {
    maxRetriesPerRequest: 1,
    commandTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
  });
}

/**
 * Grace on top of a blocked read's own time, in milliseconds. The driver's default of 100 ms is less than
 * a busy server may take, and a reply that comes later is dropped: its messages would wait for a
 * take-over.
 */
const blockGraceMs = 8_000;

/**
 * Opens a connection for blocking reads: without a time limit for commands, because a blocked read is
 * meant to wait, but with one after which a frozen server is given up.
 *
 * @param url as `REDIS_URL`
 * @throws {WorkflowError} `unavailable` when no connection comes about
 */
export function openBlockingRedis(url: string): Promise<RedisClient> {
  return connect(url, "reads", {
    maxRetriesPerRequest: null,
    enableAutoPipelining: false,
    blockingTimeout: longestBlockMs,
    blockingTimeoutGrace: blockGraceMs,
  } as RedisOptions);
}

/** True for an error after which the consumer groups have to be made anew. */
export function isLostGroup(error: unknown): boolean {
  return /NOGROUP|UNBLOCKED|no such key/i.test(messageOf(error));
}

/** What a connection is for: ordinary commands, or blocking reads. */
export type RedisUse = "commands" | "reads";

/** Every connection of this process that was opened and not closed. */
const opened = new Map<RedisClient, RedisUse>();

/** How many connections of this process are ready, and how many are lost and being opened again. */
export function countRedisConnections(): Record<RedisUse, { ready: number; lost: number }> {
  const counts = { commands: { ready: 0, lost: 0 }, reads: { ready: 0, lost: 0 } };
  for (const [client, use] of opened) counts[use][client.status === "ready" ? "ready" : "lost"]++;
  return counts;
}

async function connect(
  url: string,
  use: RedisUse,
  options: RedisOptions,
): Promise<RedisClient> {
  const common: RedisOptions = {
    ...options,
    lazyConnect: true,
    connectTimeout: 5_000,
    retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), 2_000),
  };
  const client = clientFor(url, common);
  let lastError: unknown;
  client.on("error", (error) => lastError = error);
  try {
    await client.connect();
    opened.set(client, use);
    client.once("end", () => opened.delete(client));
    return client;
  } catch (error) {
    client.disconnect();
    throw new WorkflowError(
      "unavailable",
      `Cannot reach Redis at ${redactRedisUrl(url)}: ${messageOf(lastError ?? error)}`,
    );
  }
}

function clientFor(url: string, options: RedisOptions): RedisClient {
  const nodes = url.split(",").map((node) => node.trim());
  if (nodes.length === 1) {
    const parsed = new URL(nodes[0]!);
    if (parsed.protocol !== "unix:") return new Redis(nodes[0]!, options);
    return new Redis({ ...options, path: decodeURIComponent(parsed.pathname) });
  }
  const first = new URL(nodes[0]!);
  return new Cluster(
    nodes.map((node) => {
      const { hostname, port } = new URL(node);
      return { host: hostname, port: Number(port || 6379) };
    }),
    {
      lazyConnect: true,
      enableOfflineQueue: options.enableOfflineQueue ?? true,
      redisOptions: {
        ...options,
        ...(first.username === "" ? {} : { username: decodeURIComponent(first.username) }),
        ...(first.password === "" ? {} : { password: decodeURIComponent(first.password) }),
        ...(first.protocol === "rediss:" ? { tls: {} } : {}),
      },
    },
  );
}

/** The URL or URLs fit for logs: without passwords. */
export function redactRedisUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/g, "//***@");
}
