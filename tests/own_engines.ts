import { cp } from "node:fs/promises";
import { join } from "node:path";
import { type Administer, createAdministrator } from "../tools/engines/administrator.ts";
import { type DatabaseEngine, removeDatabase, startDatabase } from "../tools/engines/database.ts";
import { type RedisEngine, startRedis } from "../tools/engines/redis.ts";

/** A server of a test's own, whose settings it may change while it runs. */
export interface OwnDatabase extends DatabaseEngine {
  /** Of the user `administrator`, who may do everything. */
  readonly administratorPassword: string;
  /** Runs statements as somebody who may do everything. */
  administer: Administer;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a database server of the suite's kind that ends with the test.
 *
 * @param options.like a server that has ended and whose data is on the disk, of whose folder this one begins with a copy
 * @param options.onDisk true where the test does something to the server's files, which else are in memory if there is room
 */
export async function ownDatabase(
  extra: string[] = [],
  { like, onDisk = false }: { like?: OwnDatabase; onDisk?: boolean } = {},
): Promise<OwnDatabase> {
  const dir = await Deno.makeTempDir({ prefix: "orders_own_" });
  if (like !== undefined) await cp(like.dir, dir, { recursive: true });
  const administrator = await createAdministrator(dir, like?.administratorPassword);
  const engine = await startDatabase({
    engine: Deno.env.get("TEST_ENGINE") === "mysql" ? "mysql" : "mariadb",
    dir,
    durable: false,
    temporary: true,
    inMemory: !onDisk,
    bufferPoolMb: 64,
    redoLogMb: 64,
    extra: [...(like === undefined ? [administrator.argument] : []), ...extra],
  });
  return {
    ...engine,
    administratorPassword: administrator.password,
    get pid() {
      return engine.pid;
    },
    get exited() {
      return engine.exited;
    },
    administer: administrator.on(engine),
    async [Symbol.asyncDispose]() {
      await engine.stop();
      await removeDatabase(dir).catch(() => {});
    },
  };
}

/** A Redis of a test's own. */
export interface OwnRedis extends RedisEngine {
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a Redis that ends with the test.
 *
 * @param files that its folder has from the start
 */
export async function ownRedis(
  extra: string[] = [],
  files: Record<string, string> = {},
): Promise<OwnRedis> {
  const dir = await Deno.makeTempDir({ prefix: "orders_own_" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(dir, name), text);
  }
  const engine = await startRedis({ dir, temporary: true, extra });
  return {
    ...engine,
    get pid() {
      return engine.pid;
    },
    get exited() {
      return engine.exited;
    },
    async [Symbol.asyncDispose]() {
      await engine.stop();
      await Deno.remove(dir, { recursive: true }).catch(() => {});
    },
  };
}
