/**
 * Connections to Redis, a single node or a cluster.
 *
 * @module
 */

import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { TLSSocket } from "node:tls";
import { readTlsFiles } from "../../db/connection/tls_files.ts";
import {
  readRedisUrls,
  type RedisAddress,
  type TlsChoice,
  unreachable,
} from "../../config/engine_url.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { isOddAnswer } from "../../domain/operation/engine_fault.ts";
import { whoListens } from "../../runtime/who_listens.ts";
import { isReplica } from "./redis_away.ts";
import { watchSilence } from "./silent_sockets.ts";

/** A connection; what the two kinds have in common is all that is used of them. */
export type RedisClient = Redis | Cluster;

/** The longest that a blocked read stays on the server, in milliseconds. */
export const maxBlockMs = 2_000;

/** A command that takes longer has failed: a server that hangs must not hang its callers. */
const commandTimeoutMs = 10_000;

/** A connection that owes an answer and is silent for so long is dead: less than its callers wait. */
const commandSilenceMs = 8_000;

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
const blockGraceMs = 8_000;

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
  const common: RedisOptions = {
    ...options,
    lazyConnect: true,
    connectTimeout: 5_000,
    keepAlive: keepAliveMs,
    retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), 2_000),
    // Another node may stand behind the same address by now; the command itself has failed.
    reconnectOnError: isReplica,
  };
  const client = clientFor(url, common);
  let lastError: unknown;
  client.on("error", (error) => lastError = error);
  const unwatch = watchSilence(client, silenceMs);
  try {
    await client.connect();
    // The driver passes over a refusal, and would go on in database 0, which may be another installation's.
    if (client instanceof Redis && client.options.db) await client.select(client.options.db);
    opened.set(client, use);
    client.once("end", () => {
      unwatch();
      opened.delete(client);
    });
    return client;
  } catch (error) {
    unwatch();
    client.disconnect();
    const [address] = readRedisUrls(url).address as [RedisAddress];
    const cause = lastError ?? error;
    const looks = isOddAnswer(cause) && address.socket === undefined;
    throw unreachable(
      `Cannot reach Redis at ${redactRedisUrl(url)}`,
      "REDIS_URL",
      address,
      cause,
      looks ? await whoListens(address.host, address.port) : undefined,
    );
  }
}

/** Silence of a connection after which the operating system asks whether the other side still exists. */
const keepAliveMs = 10_000;

function clientFor(url: string, options: RedisOptions): RedisClient {
  const { address: nodes, faults } = readRedisUrls(url);
  if (faults.length > 0) {
    const lines = faults.map((fault) => `REDIS_URL ${fault}`);
    throw new WorkflowError("bad_settings", `Bad settings: ${lines.join("; ")}`);
  }
  const { host, port, socket, user, password, db, tls } = nodes[0]!;
  const own: RedisOptions = {
    ...options,
    ...(user === "" ? {} : { username: user }),
    ...(password === "" ? {} : { password }),
    ...(tls === null ? {} : { tls: tlsOptions(tls) }),
  };
  if (nodes.length === 1) {
    return new Redis({ ...own, db, ...(socket === undefined ? { host, port } : { path: socket }) });
  }
  return new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    {
      lazyConnect: true,
      enableOfflineQueue: options.enableOfflineQueue ?? true,
      // A certificate is made for a name, so names must not become addresses on the way.
      ...(tls === null ? {} : { dnsLookup: (name, done) => done(null, name) }),
      redisOptions: own,
    },
  );
}

function tlsOptions(choice: TlsChoice): NonNullable<RedisOptions["tls"]> {
  const { verifyIdentity, ...material } = readTlsFiles("REDIS_URL", choice);
  return verifyIdentity ? material : { ...material, checkServerIdentity: () => undefined };
}

/** How a connection is encrypted; null where it is not. In a cluster, the one to the first master. */
export function encryptionOf(client: RedisClient): { protocol: string; cipher: string } | null {
  const node = client instanceof Cluster ? client.nodes("master")[0] : client;
  const stream = node?.stream as Partial<TLSSocket> | undefined;
  if (stream?.getCipher === undefined) return null;
  return {
    protocol: stream.getProtocol?.() ?? "TLS",
    cipher: stream.getCipher()?.name ?? "unknown cipher",
  };
}

/** The URL or URLs fit for logs: without passwords. */
export function redactRedisUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/g, "//***@");
}
