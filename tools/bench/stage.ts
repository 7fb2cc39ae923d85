/**
 * What a scenario plays on: private engines, an empty deployment on them, and the product's own commands as real
 * processes with exactly the permissions of their tasks.
 *
 * @module
 */

import { join } from "node:path";
import { TextLineStream } from "./text_line_stream.ts";
import { type Database, openDatabase } from "../../db/connection/database.ts";
import { migrate } from "../../db/connection/migrate.ts";
import type { EngineName } from "../engines/programs.ts";
import { type PrivateEngines, startPrivateEngines } from "../engines/private_engines.ts";
import { taskArguments } from "../engines/task_arguments.ts";
import { kpiDayIn } from "../../domain/kpi/kpi.ts";
import { silentLog } from "../../domain/operation/log.ts";
import { ensureRecovered } from "../../streams/recovery/recover.ts";
import { type Keys, keysFor } from "../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../streams/redis/redis.ts";
import { peakMemoryOf } from "./cpu.ts";

/** What all scenarios of one benchmark share. */
export interface Stage {
  engine: EngineName;
  engines: PrivateEngines;
  /** Orders to a run of a scenario. */
  orders: number;
  /** Runs of a scenario, of which the median counts. */
  runs: number;
  /** Orders that the scenario `sizes` drains at once. */
  largest: number;
  /** The Bun that the product runs on; undefined for Deno. */
  bun: string | undefined;
  /** A folder for files, removed at the end. */
  dir: string;
  /** Whether the engines and what is in them outlive the benchmark. */
  isKept: boolean;
  /** Another stage of this kind, on engines of its own that are removed when it is closed. */
  openBeside(): Promise<Stage>;
  /** Gets a line about what is going on. */
  log: (line: string) => void;
  close(): Promise<void>;
}

/** How to build a stage. */
export interface StageOptions {
  engine: EngineName;
  orders: number;
  runs: number;
  largest: number;
  bun: string | undefined;
  /** Also safe against a power cut: doublewrite buffer on, Redis with an append-only file. */
  durable: boolean;
  bufferPoolMb: number;
  /** A folder that engines and data are kept in; they are safe against a power cut then. By default all is removed. */
  keep?: string | undefined;
  log: (line: string) => void;
}

/** A deployment of the product on the engines of the stage: a migrated database and an empty Redis. */
export interface Deployment {
  /** The Bun that its processes run on; undefined for Deno. */
  bun: string | undefined;
  databaseUrl: string;
  redisUrl: string;
  db: Database;
  redis: RedisClient;
  keys: Keys;
  /** Settings for the product's processes. */
  env: Record<string, string>;
  /** Removes the database and everything in Redis, unless it is kept. */
  close(): Promise<void>;
}

/** Builds the stage; engines and files are gone after `close`, or when this process dies. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { engine, orders, runs, largest, bun, durable, bufferPoolMb, keep, log } = options;
  const dir = await Deno.makeTempDir({ prefix: "orders_bench_" });
  try {
    const engines = await startPrivateEngines({
      engine,
      bufferPoolMb,
      log,
      ...(keep !== undefined ? { dir: keep } : durable ? { dir: join(dir, "engines") } : {}),
    });
    return {
      engine,
      engines,
      orders,
      runs,
      largest,
      bun,
      dir,
      isKept: keep !== undefined,
      openBeside: () =>
        openStage({ ...options, keep: undefined, durable: durable || keep !== undefined }),
      log,
      close: async () => {
        await engines.stop();
        await Deno.remove(dir, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(dir, { recursive: true });
    throw error;
  }
}

let deployments = 0;

/** Opens an empty deployment; only one is open at a time, because Redis is emptied for it. */
export async function openDeployment(stage: Stage): Promise<Deployment> {
  const deployment = await openDatabaseOf(stage, `orders_bench_${++deployments}`);
  const { redis, db, databaseUrl } = deployment;
  await redis.flushall();
  await becomeReady(deployment);
  return {
    ...deployment,
    close: async () => {
      await redis.flushall();
      redis.disconnect();
      await db.runText(`drop database ${new URL(databaseUrl).pathname.slice(1)}`);
      await db.close();
    },
  };
}

/** Opens the one deployment of a kept stage, as it was left: its Redis was restarted since. */
export async function openKeptDeployment(stage: Stage): Promise<Deployment> {
  return await openDatabaseOf(stage, "orders_kept");
}

/** Has the streams known to be whole: or the first consumer would look for lost work. */
export async function becomeReady({ db, redis, keys }: Deployment): Promise<void> {
  const kpiDay = kpiDayIn("UTC");
  await ensureRecovered({ db, redis, keys, log: silentLog, baseCurrency: "EUR", kpiDay });
}

async function openDatabaseOf({ engines, bun }: Stage, name: string): Promise<Deployment> {
  const databaseUrl = engines.database.adminUrl(name);
  const redisUrl = engines.redis.url;
  await migrate(databaseUrl);
  const db = await openDatabase(databaseUrl);
  const redis = await openRedis(redisUrl);
  const keys = keysFor("", "EUR");
  return {
    bun,
    databaseUrl,
    redisUrl,
    db,
    redis,
    keys,
    env: {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      GATEWAY_DELAY_MS: "0",
      LOG_FORMAT: "json",
    },
    close: async () => {
      redis.disconnect();
      await db.close();
    },
  };
}

/** A line of a process's log. */
export interface LogLine {
  /** Milliseconds since 1970. */
  timeMs: number;
  event: string;
}

/** A process of the product. */
export interface TaskProcess {
  pid: number;
  /** When it was started, by the monotonic clock in ms. */
  startedAt: number;
  /** Resolves with the first line that has this event. */
  logged(event: string): Promise<LogLine>;
  /** Resolves with what it was when it ended. */
  ended: Promise<Ended>;
  /** Asks it to stop and waits for its end. */
  stop(): Promise<Ended>;
}

/** A process of the product that succeeded. */
export interface Ended {
  /** From its start to its end. */
  seconds: number;
  stdout: string;
  /** The most memory it had, as far as was seen. */
  peakBytes: number;
}

/** How often the memory of a process is looked at; the peak is the kernel's, so this can be seldom. */
const memoryCheckMs = 100;

/** Last lines of a failed process's messages to show. */
const shownLines = 8;

/**
 * Starts a task of deno.json with arguments added, as `deno task` does, or on Bun the command of that name.
 *
 * @throws later, by its promises, if it ends with another exit code than 0
 */
export async function startTask(
  deployment: Deployment,
  task: string,
  args: string[],
): Promise<TaskProcess> {
  const startedAt = performance.now();
  const { bun, env } = deployment;
  const typed = bun === undefined ? await taskArguments(task, { env }) : ["run", "main.ts", task];
  const child = new Deno.Command(bun ?? Deno.execPath(), {
    args: [...typed, ...args],
    cwd: projectDir,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  const events = new Map<string, { line: Promise<LogLine>; found: (line: LogLine) => void }>();
  const eventNamed = (name: string) => {
    let event = events.get(name);
    if (event === undefined) {
      const { promise: line, resolve: found } = Promise.withResolvers<LogLine>();
      events.set(name, event = { line, found });
    }
    return event;
  };
  const lastLines: string[] = [];
  const readLog = async () => {
    for await (const line of child.stderr.pipeThrough(new TextLineStream())) {
      lastLines.push(line);
      if (lastLines.length > shownLines) lastLines.shift();
      if (!line.startsWith("{")) continue;
      const { time, event } = JSON.parse(line);
      eventNamed(event).found({ timeMs: Date.parse(time), event });
    }
  };

  let peakBytes = 0;
  const watch = setInterval(async () => {
    peakBytes = await peakMemoryOf(child.pid) ?? peakBytes;
  }, memoryCheckMs);
  const end = async (): Promise<Ended> => {
    const [stdout, { code }] = await Promise.all([
      new Response(child.stdout).text(),
      child.status,
      readLog(),
    ]);
    clearInterval(watch);
    const seconds = (performance.now() - startedAt) / 1000;
    if (code !== 0) {
      const tail = [...lastLines, ...stdout.split("\n").slice(-shownLines)].join("\n");
      throw new Error(`deno task ${[task, ...args].join(" ")} ended with ${code}:\n${tail}`);
    }
    return { seconds, stdout, peakBytes };
  };
  const ended = end();
  // Whoever waits for a line must not wait for ever.
  const failed = ended.then(() => new Promise<never>(() => {}));
  failed.catch(() => {});
  return {
    pid: child.pid,
    startedAt,
    logged: (event) => Promise.race([eventNamed(event).line, failed]),
    ended,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** Runs a task to its end; throws where it fails. */
export async function runTask(
  deployment: Deployment,
  task: string,
  args: string[],
): Promise<Ended> {
  return await (await startTask(deployment, task, args)).ended;
}

/**
 * A speed at which figures do not agree is worth nothing.
 *
 * @throws {Error} when `verify` finds a drift
 */
export async function expectVerified(deployment: Deployment): Promise<void> {
  await runTask(deployment, "verify", []);
}

const projectDir = new URL("../../", import.meta.url).pathname;
