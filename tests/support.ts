import { Redis } from "ioredis";
import mysql from "mysql2/promise";

/** Keys deleted by one UNLINK. */
const DELETE_BATCH = 500;

/** Seconds that dropping a database waits for transactions that a test left open. */
const DROP_WAIT_SECONDS = 10;

/** What a test file has for itself on the engines that `deno task test` started. */
export interface TestContext {
  /** An empty database, utf8mb4: `mysql://user:password@127.0.0.1:port/test_name_ab12cd34`. */
  databaseUrl: string;
  /** The shared Redis; use keys under {@linkcode TestContext.redisPrefix} only. */
  redisUrl: string;
  /** Such as `t_ab12cd34:`. */
  redisPrefix: string;
  /** The database server that the suite runs on. */
  engine: "mariadb" | "mysql";
  /**
   * Drops the database and deletes the keys under the prefix.
   *
   * @throws if a test left a transaction open for more than {@linkcode DROP_WAIT_SECONDS}
   */
  close(): Promise<void>;
}

/**
 * Creates a database and a key prefix that nobody else uses, so test files can run in parallel.
 * What an aborted test leaves behind ends with the private engines.
 *
 * @param name of the test file; lower-case letters, digits and underscores of it are kept
 * @throws {Error} outside `deno task test`
 */
export async function testContext(name: string): Promise<TestContext> {
  const serverUrl = requireEnv("TEST_DATABASE_URL");
  const redisUrl = requireEnv("TEST_REDIS_URL");
  const engine = requireEnv("TEST_ENGINE") === "mysql" ? "mysql" : "mariadb";
  const suffix = crypto.getRandomValues(new Uint8Array(4)).toHex();
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 32);
  const database = `test_${slug}_${suffix}`;
  const redisPrefix = `t_${suffix}:`;

  await runStatements(serverUrl, [
    `create database ${database} character set utf8mb4 collate utf8mb4_unicode_ci`,
  ]);
  const databaseUrl = new URL(serverUrl);
  databaseUrl.pathname = `/${database}`;
  return {
    databaseUrl: databaseUrl.href,
    redisUrl,
    redisPrefix,
    engine,
    async close() {
      await deleteKeys(redisUrl, redisPrefix);
      await runStatements(serverUrl, [
        `set session lock_wait_timeout = ${DROP_WAIT_SECONDS}`,
        `drop database ${database}`,
      ]);
    },
  };
}

function requireEnv(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: run the tests with "deno task test"`);
  return value;
}

async function runStatements(url: string, statements: string[]): Promise<void> {
  const connection = await mysql.createConnection(url);
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    await connection.end();
  }
}

async function deleteKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    let cursor = "0";
    do {
      const [next, keys] = await redis.scan(cursor, "MATCH", `${prefix}*`, "COUNT", DELETE_BATCH);
      if (keys.length > 0) await redis.unlink(...keys);
      cursor = next;
    } while (cursor !== "0");
  } finally {
    redis.disconnect();
  }
}
