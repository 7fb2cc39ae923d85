/**
 * Connections to Redis: a single server, one that sentinels name, or a cluster.
 *
 * @module
 */

import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { TLSSocket } from "node:tls";
import {
  isClusterUrl,
  readRedisUrls,
  type RedisAddress,
  unreachable,
} from "../../config/engine_url.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { isOddAnswer } from "../../domain/operation/engine_fault.ts";
import { whoListens } from "../../runtime/who_listens.ts";
import { findRefusal, isReplica } from "./redis_away.ts";
import { makeClient, type RedisClient } from "./redis_client.ts";
import { watchSilence } from "./silent_sockets.ts";

export type { RedisClient } from "./redis_client.ts";

/** The longest that a blocked read stays on the server, in milliseconds. */
export const maxBlockMs = 2_000;

/** A command that takes longer has failed: a server that hangs must not hang its callers. */
const commandTimeoutMs = 10_000;

/**
 * A connection that owes an answer and is silent for so long is dead: less than its callers wait, and little enough that work
 * goes on within ten seconds where a master stands still.
 */
const commandSilenceMs = 6_000;

/** How a connection differs from others. */
export interface RedisOpenOptions {
  /** Silence after which a connection that owes an answer is thrown away, in milliseconds. */
  silenceMs?: number;
}

/**
 * Opens a connection for ordinary commands. They fail at once while Redis is away, instead of queueing
 * up; the connection comes back by itself.
 *
 * @param url as `REDIS_URL`
 * @throws {WorkflowError} `unavailable` when no connection comes about, `bad_settings` for a parameter of the
 * URL that is not as it should be
 */
export function openRedis(url: string, options: RedisOpenOptions = {}): Promise<RedisClient> {
  return connect(url, "commands", options.silenceMs ?? commandSilenceMs, {
    maxRetriesPerRequest: 1,
    commandTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
  });
}

/** Grace on top of a blocked read's own time, in milliseconds: as long as a busy server may take. */
const blockGraceMs = 6_000;

/**
 * Silence after which the driver gives up a blocked read, in milliseconds: much longer than its connection lives
 * then. A read that was given up is sent again all the same as soon as there is another connection, and its reply
 * dropped: its messages would wait for a reclaim.
 */
const readGivenUpMs = 3 * blockGraceMs;

/**
 * Opens a connection for blocking reads: without a time limit for commands, because a blocked read is
 * meant to wait, but with one after which a frozen server is given up.
 *
 * @param url as `REDIS_URL`
 * @throws {WorkflowError} `unavailable` when no connection comes about, `bad_settings` for a parameter of the
 * URL that is not as it should be
 */
export function openBlockingRedis(
  url: string,
  options: RedisOpenOptions = {},
): Promise<RedisClient> {
  return connect(url, "reads", options.silenceMs ?? maxBlockMs + blockGraceMs, {
    maxRetriesPerRequest: null,
    enableAutoPipelining: false,
    blockingTimeout: maxBlockMs,
    blockingTimeoutGrace: readGivenUpMs,
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
  silenceMs: number,
  options: RedisOptions,
): Promise<RedisClient> {
  const { address: nodes, faults } = readRedisUrls(url);
  if (faults.length > 0) {
    const lines = faults.map((fault) => `REDIS_URL ${fault}`);
    throw new WorkflowError("bad_settings", `Bad settings: ${lines.join("; ")}`);
  }
  const common: RedisOptions = {
    ...options,
    lazyConnect: true,
    connectTimeout: 5_000,
    keepAlive: keepAliveMs,
    // Servers end what is idle for a while: that costs no caller more than a moment.
    retryStrategy: (tries) => tries === 1 ? 1 : Math.min(50 * 2 ** Math.min(tries, 6), 2_000),
    // Another node may stand behind the same address by now; the command itself has failed.
    reconnectOnError: isReplica,
  };
  const open = (isCluster: boolean, checks: boolean) =>
    openClient({
      url,
      nodes,
      options: { ...common, enableReadyCheck: checks },
      isCluster,
      silenceMs,
    });
  let found = await open(isClusterUrl(url), false);
  if (found.server.isCluster && nodes[0]!.cluster === undefined) {
    found.end();
    found = await open(true, false);
  } else if (!found.server.isReady) {
    found.end();
    found = await open(false, true);
  }
  const { client, unwatch } = found;
  opened.set(client, use);
  client.once("end", () => {
    unwatch();
    opened.delete(client);
  });
  return client;
}

/** What a server says of itself at the start. */
interface FirstLook {
  /** Whether it is the node of a cluster, found by a client of a single server. */
  isCluster: boolean;
  /** Not while it reads its data, nor where it is a replica and sentinels named it as the master. */
  isReady: boolean;
}

/** A client that is connected. */
interface OpenClient {
  client: RedisClient;
  server: FirstLook;
  /** Ends the watch over its silence. */
  unwatch(): void;
  /** Ends all of it. */
  end(): void;
}

async function openClient({ url, nodes, options, isCluster, silenceMs }: {
  url: string;
  nodes: readonly RedisAddress[];
  options: RedisOptions;
  isCluster: boolean;
  silenceMs: number;
}): Promise<OpenClient> {
  const { client, opened } = makeClient(nodes, options, isCluster);
  let lastError: unknown;
  for (const told of ["error", "sentinelError", "node error"]) {
    client.on(told, (error: unknown) => lastError = error);
  }
  const unwatch = watchSilence(client, silenceMs);
  const end = () => {
    unwatch();
    client.disconnect();
  };
  try {
    const server = client instanceof Redis
      ? await client.connect().then(() => untilClosed(client, lookAt(client)))
      : await untilReady(client);
    opened();
    return { client, server, unwatch, end };
  } catch (error) {
    end();
    throw await whyUnreachable(url, nodes[0]!, lastError ?? error);
  }
}

async function whyUnreachable(url: string, address: RedisAddress, cause: unknown) {
  const { host, port, socket, sentinel } = address;
  const looks = isOddAnswer(cause) && socket === undefined && sentinel === undefined;
  return unreachable(
    `Cannot reach Redis at ${redactRedisUrl(url)}`,
    "REDIS_URL",
    address,
    cause,
    looks ? await whoListens(host, port) : undefined,
  );
}

/** How long a cluster may take until it serves, in milliseconds: the driver itself would try for ever. */
const clusterReadyMs = 10_000;

/** A cluster whose nodes are not what it says, or that does not serve, is the answer as well. */
async function untilReady(cluster: Cluster): Promise<FirstLook> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const fault = `The cluster did not serve within ${clusterReadyMs} ms`;
    timer = setTimeout(() => reject(new Error(fault)), clusterReadyMs);
  });
  const ready = new Promise<void>((resolve) => cluster.once("ready", resolve));
  try {
    await Promise.race([cluster.connect(), ready, late]);
  } finally {
    clearTimeout(timer);
  }
  return { isCluster: false, isReady: true };
}

/** The driver would send again what a connection has lost; at the start, its loss is the answer. */
async function untilClosed<T>(client: Redis, work: Promise<T>): Promise<T> {
  const closed = Promise.withResolvers<never>();
  const close = () => closed.reject(new Error("Connection is closed"));
  client.once("close", close);
  work.catch(() => {});
  try {
    return await Promise.race([work, closed.promise]);
  } finally {
    client.off("close", close);
  }
}

/**
 * Asks a server what it is. Some forbid to ask: they are taken as they are, and the driver does not ask them again with every
 * connection that it opens.
 */
async function lookAt(client: Redis): Promise<FirstLook> {
  // The driver passes over a refusal, and would go on in database 0, which may be another installation's.
  if (client.options.db) await client.select(client.options.db);
  let info: string;
  try {
    info = await client.info();
  } catch (error) {
    if (findRefusal(error) === undefined) throw error;
    const isCluster = await client.cluster("INFO").then(() => true, () => false);
    return { isCluster, isReady: true };
  }
  client.options.enableReadyCheck = true;
  const says = (line: string) => info.split(/\r?\n/).includes(line);
  return {
    // Valkey calls its mode otherwise.
    isCluster: says("cluster_enabled:1"),
    isReady: !says("loading:1") && !(client.options.sentinels && says("role:slave")),
  };
}

/** Silence of a connection after which the operating system asks whether the other side still exists. */
const keepAliveMs = 10_000;

/** How a connection is encrypted; null where it is not. In a cluster, the one to a master. */
export function encryptionOf(client: RedisClient): { protocol: string; cipher: string } | null {
  const nodes = client instanceof Cluster ? client.nodes("master") : [client];
  // A cluster's nodes are connected to when they are asked for the first time.
  const stream = nodes.find(({ stream }) => stream)?.stream as Partial<TLSSocket> | undefined;
  if (stream?.getCipher === undefined) return null;
  return {
    protocol: stream.getProtocol?.() ?? "TLS",
    cipher: stream.getCipher()?.name ?? "unknown cipher",
  };
}

/** The URL or URLs fit for logs: without passwords. */
export function redactRedisUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/g, "//***@").replace(/(sentinel-password=)[^&,]*/g, "$1***");
}
