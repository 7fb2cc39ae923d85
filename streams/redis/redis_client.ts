/**
 * Makes the driver's clients: of a single server, of a cluster, and of a server that sentinels name.
 *
 * @module
 */

import { Cluster, Redis, type RedisOptions } from "ioredis";
import { readFileSync } from "node:fs";
import { readTlsFiles } from "../../db/connection/tls_files.ts";
import type { RedisAddress, TlsChoice } from "../../config/engine_url.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";

/** A connection; what the kinds have in common is all that is used of them. */
export type RedisClient = Redis | Cluster;

/** A sentinel that is asked and does not answer for so long is passed over for the next, in milliseconds. */
const sentinelTimeoutMs = 2_000;

/** Longest pause between two rounds through all sentinels, and between tries to hear of failovers, in milliseconds. */
const maxSentinelPauseMs = 2_000, maxDetectorPauseMs = 10_000;

/** Connections whose sockets are listened to. */
const heard = new WeakSet<Redis>();

/**
 * The driver listens for one error of each socket. One that the server resets while something is being sent has two, and
 * the second would end the process. Those of all connections are listened to, also of those that a cluster's client opens
 * by itself.
 */
const { connect } = Redis.prototype;
Redis.prototype.connect = function (this: Redis, callback) {
  if (!heard.has(this)) {
    heard.add(this);
    this.on("connect", () => this.stream?.on("error", () => {}));
  }
  return connect.call(this, callback);
};

/** A client that is not connected yet. */
export interface NewClient {
  client: RedisClient;
  /** From now on a loss of the connection ends nothing: until then, the first failure is the answer. */
  opened(): void;
}

/**
 * Makes a client of the server that sentinels name, of a cluster, or of a single server.
 *
 * @param nodes where sentinels, the nodes of a cluster, or one server are
 * @param isCluster whether it is a cluster's client
 * @throws {WorkflowError} `bad_settings` for a file of the URL that can't be read
 */
export function makeClient(
  nodes: readonly RedisAddress[],
  options: RedisOptions,
  isCluster: boolean,
): NewClient {
  const { host, port, socket, user, password, passwordFile, db, tls, sentinel } = nodes[0]!;
  const own: RedisOptions = {
    ...options,
    ...(user === "" ? {} : { username: user }),
    ...(password === "" ? {} : { password }),
    ...(tls === null ? {} : { tls: tlsOptions(tls) }),
  };
  if (passwordFile !== undefined) readPassword(passwordFile);
  if (isCluster) {
    const client = clusterOf(nodes, own);
    client.on("+node", (node: Redis) => followPassword(node.options, passwordFile));
    return { client, opened: () => {} };
  }
  let isOpened = false;
  const place = sentinel === undefined
    ? (socket === undefined ? { host, port } : { path: socket })
    : sentinelOptions(nodes, () => isOpened);
  const client = new Redis({ ...own, db, ...place });
  if (sentinel !== undefined) tameDetectors(client);
  followPassword(client.options, passwordFile);
  return { client, opened: () => isOpened = true };
}

function clusterOf(nodes: readonly RedisAddress[], own: RedisOptions): Cluster {
  return new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    {
      lazyConnect: true,
      enableOfflineQueue: own.enableOfflineQueue ?? true,
      // A certificate is made for a name, so names must not become addresses on the way.
      ...(own.tls === undefined ? {} : { dnsLookup: (name, done) => done(null, name) }),
      // What a node says that still loads is an outage as any other, and not everybody may ask it.
      redisOptions: { ...own, enableReadyCheck: false },
    },
  );
}

function sentinelOptions(nodes: readonly RedisAddress[], isOpened: () => boolean): RedisOptions {
  const { sentinel, tls } = nodes[0]!;
  const { master, user, password } = sentinel!;
  return {
    sentinels: nodes.map(({ host, port }) => ({ host, port })),
    name: master,
    ...(user === "" ? {} : { sentinelUsername: user }),
    ...(password === "" ? {} : { sentinelPassword: password }),
    ...(tls === null ? {} : { sentinelTLS: tlsOptions(tls), enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: sentinelTimeoutMs,
    // A round without an answer ends a client for good, so that a start does not hang.
    sentinelRetryStrategy: (tries) => isOpened() ? Math.min(100 * tries, maxSentinelPauseMs) : null,
    // A master that stands still, or is cut off, says nothing of its end: sentinels do.
    failoverDetector: true,
    sentinelReconnectStrategy: (tries) => Math.min(1_000 * tries, maxDetectorPauseMs),
  };
}

/** A connection to a sentinel itself, which fails at the first failure. */
export function makeSentinelClient({ host, port, tls, sentinel }: RedisAddress): Redis {
  const { user, password } = sentinel!;
  return new Redis({
    host,
    port,
    ...(user === "" ? {} : { username: user }),
    ...(password === "" ? {} : { password }),
    ...(tls === null ? {} : { tls: tlsOptions(tls) }),
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: sentinelTimeoutMs,
    commandTimeout: sentinelTimeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
}

/** What is read of a client that sentinels tell of failovers; the driver has no other word for it. */
interface Detecting {
  connector: {
    failoverDetector?: { sentinels: { client: Redis }[]; cleanup(): void } | null;
  };
}

/**
 * A sentinel that is away is no news, and the driver would print it past the log. And what hears of failovers outlives the
 * connection that it is there for: one that it heard of while the next was being opened would end the client for good.
 */
function tameDetectors(client: Redis): void {
  const { connector } = client as unknown as Detecting;
  client.on("connect", () => {
    for (const { client } of connector.failoverDetector?.sentinels ?? []) {
      client.on("error", () => {});
    }
  });
  client.on("close", () => connector.failoverDetector?.cleanup());
}

function tlsOptions(choice: TlsChoice): NonNullable<RedisOptions["tls"]> {
  const { verifyIdentity, ...material } = readTlsFiles("REDIS_URL", choice);
  return verifyIdentity ? material : { ...material, checkServerIdentity: () => undefined };
}

/**
 * Has a connection log in by what a file holds at that moment. Where it can't be read, what it held before counts: whoever
 * replaces a file may have taken the old one away.
 */
function followPassword(options: RedisOptions, path: string | undefined): void {
  if (path === undefined) return;
  let last: string | undefined;
  Object.defineProperty(options, "password", {
    enumerable: true,
    configurable: true,
    get() {
      try {
        last = readPassword(path);
      } catch {
        // See above.
      }
      return last;
    },
  });
}

/** @throws {WorkflowError} `bad_settings` naming the file */
function readPassword(path: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new WorkflowError(
      "bad_settings",
      `REDIS_URL: password-file ${path} cannot be read: ${messageOf(error)}`,
    );
  }
}
