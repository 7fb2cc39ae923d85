/**
 * What a scenario plays on: a real database and a real Redis of its own, empty tables, and processes of
 * the product.
 *
 * @module
 */

import { join } from "node:path";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { kpiDayIn } from "../../../domain/kpi/kpi.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import type { DatabaseEngine } from "../../engines/database.ts";
import { type RedisEngine, startRedis } from "../../engines/redis.ts";
import type { ProcessDeps } from "../../../streams/workflow/process_deps.ts";
import { type Keys, keysFor } from "../../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { type Ended, type Process, startTask, type TaskOptions } from "./process.ts";
import { type Proxy, startProxy, withPort } from "./proxy.ts";
import { ampleStock } from "../../orders/order_rows.ts";
import { type Random, randomFrom } from "../../orders/random.ts";

/** What was measured and counted. */
export interface Figures {
  orders: number;
  /** Processes, engines and connections that were killed, frozen or cut. */
  faults: number;
  /** Messages that were handed out once more. */
  redeliveries: number;
  /** The longest time from a fault until its consequences were repaired, in milliseconds. */
  maxRecoveryMs: number;
  /** Whatever else a scenario has measured, in words. */
  notes: string[];
  /** Lines that are printed below the others. */
  table: string[];
}

/** What a scenario plays on. */
export interface Stage {
  readonly database: DatabaseEngine;
  readonly redis: RedisEngine;
  /** Between the harness and its Redis, for scenarios that change the server. */
  readonly ownRedisProxy: Proxy;
  /** Between the product and the engines, where a scenario asked for them. */
  readonly databaseProxy: Proxy;
  readonly redisProxy: Proxy;
  /** The engines without relays in between. */
  readonly directEnv: { DATABASE_URL: string; REDIS_URL: string };
  /** The harness's own connections, which go past the relays. */
  readonly db: Database;
  readonly client: RedisClient;
  readonly keys: Keys;
  readonly random: Random;
  /** For how long faults are made. */
  readonly seconds: number;
  readonly dir: string;
  readonly figures: Figures;
  /** Every process that was started, dead or alive. */
  readonly processes: readonly Process[];
  start(
    task: string,
    args?: readonly string[],
    env?: Record<string, string>,
    options?: TaskOptions,
  ): Promise<Process>;
  /** Starts consumers and waits until they read. */
  startConsumer(env?: Record<string, string>, options?: TaskOptions): Promise<Process>;
  /** Runs a task to its end. @throws unless it succeeds */
  run(task: string, args?: readonly string[], env?: Record<string, string>): Promise<Ended>;
  /**
   * Repeats something beside the scenario until it is stopped or the scenario is over.
   *
   * @returns stops it; throws what it threw
   */
  repeat(work: () => Promise<void>): () => Promise<void>;
  recovered(ms: number): void;
  close(): Promise<void>;
}

/** How to build a stage. */
export interface StageOptions {
  database: DatabaseEngine;
  seed: number;
  seconds: number;
  /** `aof` where a restart is to keep the data; default `none`. */
  persistence?: "none" | "aof";
  /** Further lines of redis.conf. */
  redisConfig?: readonly string[];
  /** Settings of the product's processes, beyond those that make its times short. */
  env?: Record<string, string>;
  /** Whether the product reaches the engines through relays; default false. */
  proxied?: boolean;
}

/** Times of the product that are short, so that many faults fit into a run. */
const shortTimes = {
  GATEWAY_DELAY_MS: "200",
  RETRY_BACKOFF_MS: "200",
  TAKEOVER_MS: "1000",
  SHUTDOWN_TIMEOUT_MS: "5000",
};

/** Longest time for a task that ends by itself, in milliseconds. */
const maxRunMs = 180_000;

let stageNumber = 0;

/** Builds a stage with an empty database of its own on a server that runs, and a Redis of its own. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const engines = await openEngines(options);
  const { databaseUrl, ownRedisUrl, redis, databaseProxy, redisProxy } = engines;
  const { database, proxied } = options;
  const env: Record<string, string> = {
    DATABASE_URL: proxied ? withPort(databaseUrl, databaseProxy.port) : databaseUrl,
    REDIS_URL: proxied ? withPort(redis.url, redisProxy.port) : redis.url,
    BASE_CURRENCY: "GBP",
    INITIAL_STOCK: String(ampleStock),
    LOG_FORMAT: "json",
    ...shortTimes,
    ...options.env,
  };
  const figures: Figures = {
    orders: 0,
    faults: 0,
    redeliveries: 0,
    maxRecoveryMs: 0,
    notes: [],
    table: [],
  };
  const processes: Process[] = [];
  const repeats = openRepeats();
  return {
    ...engines,
    ...openTasks(env, processes),
    database,
    directEnv: { DATABASE_URL: databaseUrl, REDIS_URL: ownRedisUrl },
    keys: keysFor("", "GBP"),
    random: randomFrom(options.seed),
    seconds: options.seconds,
    figures,
    processes,
    repeat: repeats.repeat,
    recovered: (ms) => {
      figures.maxRecoveryMs = Math.max(figures.maxRecoveryMs, ms);
    },
    close: async () => {
      for (const engine of [database, redis]) engine.kill("SIGCONT");
      await repeats.end();
      for (const process of processes) {
        process.kill("SIGCONT");
        process.kill("SIGKILL");
      }
      await Promise.all(processes.map(({ ended }) => ended));
      await engines.end();
    },
  };
}

/** The engines and the ways to them. */
async function openEngines({ database, persistence, redisConfig }: StageOptions) {
  const dir = await Deno.makeTempDir({ prefix: "orders_chaos_" });
  const redis = await startRedis({
    dir: join(dir, "redis"),
    persistence,
    extra: [...redisConfig ?? []],
    temporary: true,
  });
  const name = `orders_chaos_${Deno.pid}_${++stageNumber}`;
  const databaseUrl = database.adminUrl(name);
  await migrate(databaseUrl);
  const db = await openDatabase(databaseUrl, { connections: 4 });
  const ownRedisProxy = startProxy(redis.port);
  const ownRedisUrl = withPort(redis.url, ownRedisProxy.port);
  const client = await openRedis(ownRedisUrl);
  const databaseProxy = startProxy(database.port);
  const redisProxy = startProxy(redis.port);
  return {
    dir,
    redis,
    databaseUrl,
    db,
    client,
    ownRedisUrl,
    ownRedisProxy,
    databaseProxy,
    redisProxy,
    async end() {
      databaseProxy.end();
      redisProxy.end();
      ownRedisProxy.end();
      client.disconnect();
      await db.runText(`drop database if exists ${name}`);
      await db.close();
      await redis.stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Work beside a scenario; its end stops what goes on. */
function openRepeats() {
  const repeated = new Set<() => Promise<void>>();
  const repeat: Stage["repeat"] = (work) => {
    let stopped = false;
    const loop = async () => {
      while (!stopped) await work();
    };
    const looping = loop();
    // Whoever stops it is told of its error.
    looping.catch(() => {});
    const stop = async () => {
      stopped = true;
      repeated.delete(stop);
      await looping;
    };
    repeated.add(stop);
    return stop;
  };
  return { repeat, end: () => Promise.allSettled([...repeated].map((stop) => stop())) };
}

/** Starts tasks of the product with the stage's settings, and notes their processes. */
function openTasks(
  env: Record<string, string>,
  processes: Process[],
): Pick<Stage, "start" | "startConsumer" | "run"> {
  const start: Stage["start"] = async (task, args = [], own = {}, how = {}) => {
    const started = await startTask(task, args, { ...env, ...own }, how);
    processes.push(started);
    return started;
  };
  return {
    start,
    startConsumer: async (own = {}, how = {}) => {
      const consumer = await start("consume", [], own, how);
      await consumer.logged("consumers started");
      return consumer;
    },
    run: async (task, args = [], own = {}) => {
      const started = await start(task, args, own);
      const ended = await started.endedWithin(maxRunMs);
      if (ended.code === 0) return ended;
      const tail = [...started.messages.slice(-5), ended.stdout.slice(-2_000)].join("\n");
      const how = ended.signal ?? ended.code;
      throw new Error(`deno task ${started.task} ended with ${how}:\n${tail}`);
    },
  };
}

/** The stage as the parts of the product that are called in this process want it. */
export function productDeps({ db, client, keys }: Stage): Omit<ProcessDeps, "config"> {
  return {
    db,
    redis: client,
    keys,
    log: silentLog,
    baseCurrency: "GBP",
    kpiDay: kpiDayIn("UTC"),
  };
}
