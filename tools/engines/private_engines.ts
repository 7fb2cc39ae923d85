import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type FileLock, lockFile } from "../../runtime/lock.ts";
import { type DatabaseEngine, removeDatabase, startDatabase } from "./database.ts";
import { refuseFolderOfOthers } from "./own_folder.ts";
import { type EngineName, ensurePrograms } from "./programs.ts";
import { type RedisEngine, startRedis } from "./redis.ts";

/** How to run a private pair of engines. */
export interface PrivateEnginesOptions {
  /** Folder to keep the engines in. Default: a temporary folder that is removed at the end. */
  dir?: string;
  /** Default `mariadb`. */
  engine?: EngineName;
  /**
   * Whether the data outlives the engines; default: true exactly if `dir` is given. Kept data is
   * safe against a power cut and Redis writes an append-only file; other data is in `dir` only
   * while the engines run.
   */
  persistent?: boolean;
  /** Whether the database is in memory where there is room, and its data is not persistent; default false. */
  inMemory?: boolean;
  /** Further lines of redis.conf. */
  redisConfig?: string[];
  /** Further arguments of the database server; they win over the built-in ones. */
  databaseArgs?: string[];
  /** Default 512. */
  bufferPoolMb?: number;
  /** Default 512. */
  redoLogMb?: number;
  /** Gets a line before programs are installed; default: standard error. */
  log?: (line: string) => void;
}

/** Another process has its private engines in the folder. */
export class FolderInUse extends Error {
  /** The name of the class. */
  override name = "FolderInUse";
}

/** A running private pair of engines. */
export interface PrivateEngines {
  database: DatabaseEngine;
  redis: RedisEngine;
  /** Absolute path of the folder of both. */
  dir: string;
  /** The settings that point the product to them. */
  env: { DATABASE_URL: string; REDIS_URL: string };
  /** Ends both in order and, unless they are persistent, removes their data. */
  stop(): Promise<void>;
}

/**
 * Starts a database and a Redis of one's own, on free ports of 127.0.0.1, whatever else runs on
 * this machine. Both end with this process, `kill -9` included; a temporary folder then goes too,
 * unless the crash falls into the half second in which a new database is prepared.
 *
 * A given folder is used by one process at a time: a lock on `DIR/lock` says so, and the kernel releases
 * it when its holder dies. Each engine has folders of its own there, so switching between MariaDB
 * and MySQL keeps the data of both.
 *
 * @throws {FolderInUse} if another process uses the folder
 * @throws {Error} if the folder is another user's, programs are missing and cannot be installed, or an engine does not
 * start
 */
export async function startPrivateEngines(
  options: PrivateEnginesOptions = {},
): Promise<PrivateEngines> {
  const { engine = "mariadb", redisConfig, databaseArgs, bufferPoolMb, log = console.error } =
    options;
  const persistent = options.persistent ?? options.dir !== undefined;
  await ensurePrograms({ engine, log });

  const dir = options.dir === undefined
    ? await mkdtemp(join(tmpdir(), "orders_"))
    : resolve(options.dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await refuseFolderOfOthers(dir);
  const lock = options.dir === undefined ? undefined : await lockFolder(dir);
  const databaseDir = join(dir, `${engine}-data`);
  const redisDir = join(dir, `${engine}-redis`);
  const removeData = async () => {
    await removeDatabase(databaseDir);
    await removeFolder(redisDir);
    if (options.dir === undefined) await removeFolder(dir);
  };

  const temporary = !persistent;
  const started = await Promise.allSettled([
    startDatabase({
      engine,
      dir: databaseDir,
      durable: persistent,
      bufferPoolMb,
      redoLogMb: options.redoLogMb,
      temporary,
      inMemory: temporary && options.inMemory,
      extra: databaseArgs,
      log,
    }),
    startRedis({
      dir: redisDir,
      persistence: persistent ? "aof" : "none",
      extra: redisConfig,
      temporary,
      log,
    }),
  ]);
  const [database, redis] = started;
  if (database.status === "rejected" || redis.status === "rejected") {
    for (const result of started) {
      if (result.status === "fulfilled") await result.value.stop();
    }
    if (temporary) await removeData();
    lock?.release();
    throw database.status === "rejected"
      ? database.reason
      : (redis as PromiseRejectedResult).reason;
  }

  let stopping: Promise<void> | undefined;
  const stopOnce = async () => {
    await Promise.all([database.value.stop(), redis.value.stop()]);
    if (temporary) await removeData();
    lock?.release();
  };
  return {
    database: database.value,
    redis: redis.value,
    dir,
    env: { DATABASE_URL: database.value.url, REDIS_URL: redis.value.url },
    stop: () => stopping ??= stopOnce(),
  };
}

/** The lock ends when it is released or this process dies. */
async function lockFolder(dir: string): Promise<FileLock> {
  const path = join(dir, "lock");
  const lock = await lockFile(path);
  if (lock !== undefined) return lock;
  const holder = (await readFile(path, "utf8")).trim() || "unknown";
  throw new FolderInUse(
    `Cannot use ${dir}: process ${holder} has its private engines there; end it, or set ` +
      `DATABASE_URL and REDIS_URL to use other engines`,
  );
}

async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
