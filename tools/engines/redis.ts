import { Redis } from "ioredis";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readOrCreatePassword } from "./password.ts";
import { here, type Place, startedAt } from "./place.ts";
import { ensureRedisProgram } from "./programs.ts";
import { type ServerOnPort, startOnPort } from "./start_on_port.ts";

/** How to run a private Redis. */
export interface RedisOptions {
  /** Folder for data, log, configuration and password; created if missing, reopened if not. */
  dir: string;
  /** Default: a free port. */
  port?: number;
  /** `none` (default): memory only. `aof`: appended to a file that is flushed every second. */
  persistence?: "none" | "aof";
  /** Further lines of redis.conf, such as `maxmemory 64mb`; they win over the built-in ones. */
  extra?: string[];
  /** True: the folder is removed if this process dies without stopping the engine. */
  temporary?: boolean;
  /** Where it runs; default: here. */
  place?: Place;
  /** Gets a line before programs are installed; default: standard error. */
  log?: (line: string) => void;
}

/** A running private Redis server on 127.0.0.1, or where it was placed. */
export interface RedisEngine extends ServerOnPort {
  /** At which it listens. */
  readonly address: string;
  /** `redis://:password@127.0.0.1:port/0` */
  readonly url: string;
  /** Absolute path of its folder. */
  readonly dir: string;
  /** Such as `7.0.15`. */
  readonly version: string;
}

/**
 * Starts a private Redis server that listens on 127.0.0.1 only, demands a random password (kept in
 * the folder, mode 0600, never on a command line), evicts nothing, and ends with this process,
 * however that ends.
 *
 * A crash leaves the folder as Redis left it: with `aof` at most about the last second is lost,
 * without everything.
 *
 * @throws {Error} if Redis is missing and cannot be installed, or does not answer in time; the
 * message ends with the last lines of its log
 */
export async function startRedis(options: RedisOptions): Promise<RedisEngine> {
  const { persistence = "none", extra = [], temporary = false, place = here } = options;
  const dir = resolve(options.dir);
  const program = await ensureRedisProgram({ log: options.log ?? console.error });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const password = await readOrCreatePassword(join(dir, "password"));
  const configFile = join(dir, "redis.conf");
  let version = "";
  const server = await startOnPort({
    name: "redis",
    program: startedAt(place, program),
    args: () => [configFile],
    dir,
    port: options.port,
    temporary,
    portTaken: /Address already in use/,
    prepare: async (port) => {
      const config = [
        `bind ${place.address}`,
        `port ${port}`,
        `requirepass ${password}`,
        `dir "${dir}"`,
        "daemonize no",
        'save ""',
        `appendonly ${persistence === "aof" ? "yes" : "no"}`,
        "appendfsync everysec",
        "maxmemory-policy noeviction",
        ...extra,
      ];
      // Written under another name first: the mode counts only when the file is created.
      const fresh = `${configFile}.new`;
      await rm(fresh, { force: true });
      await writeFile(fresh, config.join("\n") + "\n", { mode: 0o600 });
      await rename(fresh, configFile);
    },
    connect: async (port) => {
      version = await readVersion(place.address, port, password);
    },
  });
  const { address } = place;
  const url = `redis://:${password}@${address}:${server.port}/0`;
  return Object.assign(server, { address, url, dir, version });
}

/** Rejects while Redis is not there or still loads its data. */
async function readVersion(host: string, port: number, password: string): Promise<string> {
  const client = new Redis({
    host,
    port,
    password,
    lazyConnect: true,
    connectTimeout: 2000,
    commandTimeout: 2000,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  // Each attempt's failure reaches the caller through its promise.
  client.on("error", () => {});
  try {
    await client.connect();
    // A read of data, because INFO and PING answer during loading as well.
    await client.exists("ready").catch((error) => {
      // A node of a cluster that has not got its part of the keys yet, or has another part.
      if (!/^(CLUSTERDOWN|MOVED)/.test(error.message)) throw error;
    });
    // Some configurations forbid to ask.
    const info = await client.info("server").catch(() => "");
    return /redis_version:(\S+)/.exec(info)?.[1] ?? "unknown";
  } finally {
    client.disconnect();
  }
}
