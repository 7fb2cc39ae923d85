/**
 * Opens what most commands work with, and closes it again.
 *
 * @module
 */

import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { Config } from "../config/config.ts";
import { WorkflowError } from "../domain/errors.ts";
import { kpiDayIn } from "../domain/kpi/kpi.ts";
import { type Log, makeLog } from "../domain/operation/log.ts";
import { openDatabase } from "../db/connection/database.ts";
import { migrate, migrationStatus } from "../db/connection/migrate.ts";
import { traceEngines } from "../streams/telemetry/engine_spans.ts";
import { keysFor } from "../streams/redis/keys.ts";
import { openRedis } from "../streams/redis/redis.ts";
import { traceId, tracing } from "../streams/telemetry/tracing.ts";
import { type SchemaWatch, watchSchema } from "../streams/workflow/schema_watch.ts";
import type { ProcessDeps } from "../streams/workflow/process_deps.ts";
import { typed } from "../runtime/typed.ts";
import { namesNoEngine, readSettings } from "./engine_settings.ts";

/** What a command works with. */
export interface Context extends ProcessDeps {
  /**
   * Aborts once the database has moved on beyond what this process knows, which is its reason: it takes no work from
   * then on, and nobody gets a connection to the database.
   */
  outdated: AbortSignal;
  /** Of this process' row in `processes`. */
  processId: string;
  /** Whoever migrates need not wait for this process from then on. */
  leaveSchema(): Promise<void>;
}

/** How a command opens its context. */
export interface ContextOptions {
  /**
   * The command may change the schema: `start`, `serve`, `consume`, `import` and `demo`, and none of them with
   * `AUTO_MIGRATE=0`. Somebody who only looks would else upgrade the database under processes of another
   * version, and migrations are never taken back.
   */
  migrates?: boolean;
  /** Nobody asked for these engines, so nobody wants to hear that they are set up. */
  quietly?: boolean;
  /** The command listens for others, which it must not do in front of private engines. */
  serves?: boolean;
  /** What the command is called, for whoever migrates beside it. */
  name?: string;
  /** Connections to the database; as many as the settings say by default. */
  connections?: (config: Config) => number;
}

/**
 * Reads the settings, opens the engines, runs `work` and closes everything. Pending migrations are applied
 * where the command may, else they end it.
 *
 * @throws {WorkflowError} `bad_settings`, or `unavailable` when an engine can't be reached, migrations
 * are pending, or this version is too old for the database
 */
export async function withContext<T>(
  env: Record<string, string | undefined>,
  work: (context: Context) => Promise<T>,
  options: ContextOptions = {},
): Promise<T> {
  const config = await readSettings(env, options);
  // Private engines are nobody else's: there is no process of another version beside this one.
  const context = await openContext(
    config,
    namesNoEngine(env) ? { ...options, migrates: true, quietly: true } : options,
  );
  try {
    return await work(context);
  } finally {
    await closeContext(context);
  }
}

/** See {@linkcode withContext}. */
export async function openContext(
  config: Config,
  options: ContextOptions = {},
): Promise<Context> {
  const { migrates = false, quietly = false, name = "command", connections } = options;
  const log = openLog(config);
  if (migrates && config.autoMigrate) {
    const { applied } = await migrate(config.databaseUrl);
    for (const name of applied) log[quietly ? "debug" : "info"]("migration applied", { name });
  } else {
    await refusePending(config.databaseUrl);
  }
  const db = await openDatabase(config.databaseUrl, {
    connections: connections?.(config) ?? config.databaseConnections,
    // Whoever reclaims a silent consumer's work needs the rows that its transaction holds.
    idleTransactionSeconds: Math.max(minIdleSeconds, Math.ceil(config.takeoverMs / 1_000)),
  });
  if (tracing) traceEngines(db.engine);
  let schema: SchemaWatch | undefined;
  try {
    schema = await watchSchema({ db, log }, name, { reads: !migrates });
    const redis = await openRedis(config.redisUrl);
    return {
      outdated: schema.outdated,
      processId: schema.processId,
      leaveSchema: schema.stop,
      config,
      db,
      redis,
      keys: keysFor(config.redisPrefix, config.baseCurrency, config.kpiTimezone),
      log,
      baseCurrency: config.baseCurrency,
      kpiDay: kpiDayIn(config.kpiTimezone),
    };
  } catch (error) {
    await schema?.stop();
    await db.close();
    throw error;
  }
}

/** @throws {WorkflowError} `unavailable` that names the pending migrations */
async function refusePending(databaseUrl: string): Promise<void> {
  const pending = (await migrationStatus(databaseUrl)).filter(({ applied }) => !applied);
  if (pending.length === 0) return;
  const names = pending.map(({ name }) => name).join(", ");
  throw new WorkflowError(
    "unavailable",
    `The database lacks ${names}; back it up and run ${typed("migrate")}`,
  );
}

/** A transaction may be silent for so long at least: its process may wait for Redis meanwhile. */
const minIdleSeconds = 5;

/** Closes what {@linkcode openContext} opened. */
export async function closeContext({ db, redis, leaveSchema }: Context): Promise<void> {
  await leaveSchema();
  redis.disconnect();
  await db.close();
}

/** The log that the settings ask for, on standard error. */
export function openLog(config: Pick<Config, "logLevel" | "logFormat">): Log {
  const format = config.logFormat === "auto" ? (isatty(2) ? "text" : "json") : config.logFormat;
  return makeLog(
    {
      level: config.logLevel,
      format,
      now: () => new Date().toISOString(),
      traceId: tracing ? traceId : undefined,
    },
    (line) => writeSync(2, `${line}\n`),
  );
}
