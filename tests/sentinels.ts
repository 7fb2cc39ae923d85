import { Redis } from "ioredis";
import { join } from "node:path";
import { freePort } from "../tools/engines/free_port.ts";
import { ensureRedisProgram } from "../tools/engines/programs.ts";
import { type ServerOnPort, startOnPort } from "../tools/engines/start_on_port.ts";
import { until } from "../tools/chaos/harness/until.ts";
import { type OwnRedis, ownRedis } from "./own_engines.ts";

/** What sentinels of tests call the master. */
export const masterName = "orders-master";

/** A master, its replicas, and three sentinels that watch over them with a password of their own. */
export interface Watched {
  /** The first was the master at the start. */
  readonly servers: readonly OwnRedis[];
  readonly sentinels: readonly ServerOnPort[];
  /** Names the sentinels, with both passwords. */
  readonly url: string;
  /** Of the servers. */
  readonly password: string;
  readonly sentinelPassword: string;
  /** The server that all sentinels name as the master now, among `servers`. */
  master(): Promise<OwnRedis>;
  /** Waits until another server than this one is the master everywhere. */
  promotedAfter(old: OwnRedis): Promise<OwnRedis>;
  /** Tells a sentinel something. */
  tell(...command: string[]): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long sentinels wait until a server counts as gone, in milliseconds. */
const downAfterMs = 700;

/** Longest wait for sentinels, in milliseconds. */
const patienceMs = 30_000;

/** Starts a master with replicas, and three sentinels of which two must agree. */
export async function startWatched(replicas = 1): Promise<Watched> {
  // Of the form that the files of private engines have.
  const password = "0123456789abcdef".repeat(3), sentinelPassword = "sentinel-password";
  const start = (extra: string[]) =>
    ownRedis(["replica-serve-stale-data yes", `masterauth ${password}`, ...extra], { password });
  const first = await start([]);
  const servers = [first];
  for (let n = 0; n < replicas; n++) {
    servers.push(await start([`replicaof 127.0.0.1 ${first.port}`]));
  }
  const dir = await Deno.makeTempDir({ prefix: "orders_own_" });
  const sentinels: ServerOnPort[] = [];
  for (let n = 0; n < 3; n++) {
    sentinels.push(await startSentinel(join(dir, `s${n}`), first.port, password, sentinelPassword));
  }
  const tellOne = async (port: number, ...command: string[]): Promise<unknown> => {
    const client = new Redis({ port, password: sentinelPassword, lazyConnect: true });
    client.on("error", () => {});
    try {
      return await client.call("SENTINEL", ...command);
    } finally {
      client.disconnect();
    }
  };
  const named = () =>
    Promise.all(
      sentinels.map(async ({ port }) =>
        (await tellOne(port, "GET-MASTER-ADDR-BY-NAME", masterName) as string[])[1]
      ),
    );
  const master = async () => {
    let found: OwnRedis | undefined;
    await until("all sentinels name the same master", patienceMs, async () => {
      const ports = new Set(await named());
      found = servers.find(({ port }) => ports.size === 1 && ports.has(String(port)));
      return found !== undefined || [...ports].join();
    });
    return found!;
  };
  const watched: Watched = {
    servers,
    sentinels,
    url: `redis+sentinel://:${password}@` +
      `${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${masterName}` +
      `?sentinel-password=${sentinelPassword}`,
    password,
    sentinelPassword,
    master,
    async promotedAfter(old) {
      let now = old;
      const looks = async () => (now = await master()) !== old || String(old.port);
      await until("another server is the master", patienceMs, looks);
      return now;
    },
    tell: (...command) => tellOne(sentinels[0]!.port, ...command),
    async [Symbol.asyncDispose]() {
      for (const sentinel of sentinels) await sentinel.stop();
      for (const server of servers) {
        server.kill("SIGCONT");
        await server[Symbol.asyncDispose]();
      }
      await Deno.remove(dir, { recursive: true }).catch(() => {});
    },
  };
  await until("the sentinels know each other and the replicas", patienceMs, async () => {
    const told = await watched.tell("MASTER", masterName) as string[];
    const field = (name: string) => told[told.indexOf(name) + 1];
    return field("num-slaves") === String(replicas) && field("num-other-sentinels") === "2" ||
      told.join(" ");
  });
  return watched;
}

async function startSentinel(
  dir: string,
  masterPort: number,
  password: string,
  sentinelPassword: string,
): Promise<ServerOnPort> {
  const program = await ensureRedisProgram({ log: console.error });
  await Deno.mkdir(dir, { recursive: true });
  const file = join(dir, "sentinel.conf");
  return await startOnPort({
    name: "sentinel",
    program,
    args: () => [file, "--sentinel"],
    dir,
    port: await freePort(),
    temporary: true,
    portTaken: /Address already in use/,
    prepare: (port) =>
      Deno.writeTextFile(
        file,
        [
          "bind 127.0.0.1",
          `port ${port}`,
          `dir "${dir}"`,
          `requirepass ${sentinelPassword}`,
          `sentinel sentinel-pass ${sentinelPassword}`,
          `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 2`,
          `sentinel auth-pass ${masterName} ${password}`,
          `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
          `sentinel failover-timeout ${masterName} 3000`,
        ].join("\n") + "\n",
      ),
    connect: async (port) => {
      const client = new Redis({
        port,
        password: sentinelPassword,
        lazyConnect: true,
        retryStrategy: () => null,
      });
      client.on("error", () => {});
      try {
        await client.connect();
        await client.ping();
        // They look at servers every ten seconds and tell each other every two; those before version 7 can't be told otherwise.
        await client.call("SENTINEL", "DEBUG", "info-period", "500", "publish-period", "250").catch(
          () => {},
        );
      } finally {
        client.disconnect();
      }
    },
  });
}
