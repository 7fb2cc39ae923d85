import { Redis } from "ioredis";
import mysql from "mysql2/promise";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type PrivateEngines, startPrivateEngines } from "../tools/engines/private_engines.ts";
import {
  formatCounts,
  LONG_FILES,
  parseBunCount,
  parseSummary,
  parseTestArgs,
} from "../tools/engines/test.ts";
import { testContext } from "./support.ts";

const engine = Deno.env.get("TEST_ENGINE") === "mysql" ? "mysql" : "mariadb";
const holdProgram = fileURLToPath(new URL("./hold_engines.ts", import.meta.url));

/** Milliseconds that processes and folders of a dead owner get to disappear. */
const GONE_MS = 15_000;

async function queryRows(url: string, sql: string): Promise<mysql.RowDataPacket[]> {
  const connection = await mysql.createConnection(url);
  try {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(sql);
    return rows;
  } finally {
    await connection.end();
  }
}

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

async function withEngines(
  use: (engines: PrivateEngines) => Promise<void>,
  options: { dir?: string; inMemory?: boolean } = {},
): Promise<void> {
  const engines = await startPrivateEngines({ engine, ...options });
  try {
    await use(engines);
  } finally {
    await engines.stop();
  }
}

async function withTempDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Starts engines in a process of their own, to be killed by the test. */
async function holdEngines(dir?: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      "--allow-run",
      "--allow-sys",
      holdProgram,
      engine,
      ...(dir ? [dir] : []),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  let line = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    line += chunk;
    if (line.includes("\n")) break;
  }
  const held = JSON.parse(line) as { env: PrivateEngines["env"]; pids: number[]; dir: string };
  return { child, ...held };
}

async function waitUntil(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + GONE_MS;
  while (!await isTrue()) {
    assert.ok(Date.now() < deadline, `${what} within ${GONE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Where a database's data is in memory; undefined where there is no room for it. */
const inMemory = (dir: string) => Deno.readLink(`${dir}/data`).catch(() => undefined);

/** Of a folder that Deno itself may not look at. */
const isFolder = async (path: string) =>
  (await new Deno.Command("test", { args: ["-d", path] }).output()).success;

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

Deno.test("startPrivateEngines() serves a database and a Redis behind passwords, and removes them", async () => {
  let dir = "";
  let pids: number[] = [];
  await withEngines(async ({ database, redis, env }) => {
    dir = database.dir;
    pids = [database.pid, redis.pid];
    const [settings] = await queryRows(
      env.DATABASE_URL,
      `select database() as name, @@character_set_database as charset, @@local_infile as local_data,
              @@innodb_flush_log_at_trx_commit as flushed`,
    );
    assert.deepEqual({ ...settings }, {
      name: "orders",
      charset: "utf8mb4",
      local_data: 1,
      flushed: 1,
    });
    const [, policy] = await withRedis(
      env.REDIS_URL,
      (redis) => redis.config("GET", "maxmemory-policy") as Promise<string[]>,
    );
    assert.equal(policy, "noeviction");
    assert.equal((await Deno.stat(`${database.dir}/password`)).mode! & 0o777, 0o600);
    assert.equal((await Deno.stat(`${redis.dir}/redis.conf`)).mode! & 0o777, 0o600);

    for (const user of ["orders", "root", "nobody"]) {
      const url = `mysql://${user}@127.0.0.1:${database.port}/`;
      await assert.rejects(queryRows(url, "select 1"), /denied|locked/);
    }
    await assert.rejects(
      queryRows(database.url, "select 1 into outfile 'orders_outfile'"),
      /denied|secure-file-priv/,
    );
    await assert.rejects(queryRows(database.url, "create database mine"), /denied/);
    assert.throws(() => database.adminUrl("mine"), /names start with/);
    await assert.rejects(
      withRedis(`redis://127.0.0.1:${redis.port}/0`, (client) => client.get("key")),
      /NOAUTH/,
    );
  });
  assert.equal(await exists(dir), false);
  assert.deepEqual(pids.filter(isAlive), []);
});

Deno.test("restart() after kill -9 keeps port and data, and stop() ends frozen engines", async () => {
  let pids: number[] = [];
  await withTempDir((dir) =>
    withEngines(async ({ database, redis }) => {
      const before = { database: database.pid, redis: redis.pid, urls: [database.url, redis.url] };
      await queryRows(database.url, "create table kept (id int primary key)");
      await queryRows(database.url, "insert into kept values (42)");
      await withRedis(redis.url, (client) => client.set("kept", "42"));

      database.kill("SIGKILL");
      redis.kill("SIGKILL");
      await Promise.all([database.restart(), redis.restart()]);

      assert.notEqual(database.pid, before.database);
      assert.notEqual(redis.pid, before.redis);
      assert.deepEqual([database.url, redis.url], before.urls);
      const rows = await queryRows(database.url, "select id from kept");
      assert.deepEqual(rows.map(({ id }) => id), [42]);
      assert.equal(await withRedis(redis.url, (client) => client.get("kept")), "42");

      pids = [database.pid, redis.pid];
      database.kill("SIGSTOP");
      redis.kill("SIGSTOP");
    }, { dir })
  );
  assert.deepEqual(pids.filter(isAlive), []);
});

Deno.test("kill -9 of the owner ends its engines and removes a temporary folder, and what it has in memory", async () => {
  const held = await holdEngines();
  assert.deepEqual(held.pids.filter(isAlive), held.pids);
  const kept = await inMemory(`${held.dir}/${engine}-data`);
  held.child.kill("SIGKILL");
  await held.child.status;
  await waitUntil("engines end", () => !held.pids.some(isAlive));
  await waitUntil("folder is removed", async () => !await exists(held.dir));
  if (kept !== undefined) assert.equal(await isFolder(kept), false);
});

Deno.test("data in memory outlives kill -9 of its server, and goes with the engines", async () => {
  let kept: string | undefined;
  await withEngines(async ({ database }) => {
    kept = await inMemory(database.dir);
    await queryRows(database.url, "create table kept (id int primary key)");
    await queryRows(database.url, "insert into kept values (42)");
    database.kill("SIGKILL");
    await database.restart();
    const rows = await queryRows(database.url, "select id from kept");
    assert.deepEqual(rows.map(({ id }) => id), [42]);
    if (kept !== undefined) assert.equal(await isFolder(kept), true);
  }, { inMemory: true });
  if (kept !== undefined) assert.equal(await isFolder(kept), false);
});

Deno.test("startPrivateEngines() refuses a folder in use, and reopens it once its owner is killed", async () => {
  await withTempDir(async (dir) => {
    const held = await holdEngines(dir);
    await queryRows(held.env.DATABASE_URL, "create table kept (id int primary key)");
    await queryRows(held.env.DATABASE_URL, "insert into kept values (7)");
    await assert.rejects(
      startPrivateEngines({ engine, dir }),
      new RegExp(`Cannot use .*: process ${held.child.pid} has its private engines there`),
    );
    held.child.kill("SIGKILL");
    await held.child.status;
    await withEngines(async ({ database }) => {
      const rows = await queryRows(database.url, "select id from kept");
      assert.deepEqual(rows.map(({ id }) => id), [7]);
    }, { dir });
  });
});

Deno.test("testContext() gives a database and keys of its own, and close() removes them", async () => {
  const context = await testContext("engines");
  const other = await testContext("engines");
  assert.notEqual(context.databaseUrl, other.databaseUrl);
  await queryRows(context.databaseUrl, "create table mine (id int primary key)");
  await withRedis(context.redisUrl, async (redis) => {
    await redis.set(`${context.redisPrefix}key`, "mine");
    await redis.set(`${other.redisPrefix}key`, "other");
    await context.close();
    assert.equal(await redis.exists(`${context.redisPrefix}key`), 0);
    assert.equal(await redis.exists(`${other.redisPrefix}key`), 1);
  });
  await assert.rejects(queryRows(context.databaseUrl, "select 1"), /Unknown database/);
  await other.close();
});

Deno.test("the long test files that begin first are there", async () => {
  for (const path of LONG_FILES) assert.ok(await exists(path), path);
});

Deno.test("parseTestArgs() takes its own arguments and leaves the rest to deno test", () => {
  assert.deepEqual(parseTestArgs(["--filter", "refund", "--engine=mysql", "tests/a_test.ts"]), {
    kind: "run",
    engine: "mysql",
    denoArgs: ["--filter", "refund", "tests/a_test.ts"],
  });
  assert.deepEqual(parseTestArgs([]), { kind: "run", engine: "mariadb", denoArgs: [] });
  assert.equal(parseTestArgs(["--engine", "oracle"]).kind, "wrong");
  assert.equal(parseTestArgs(["--filter=x", "--help"]).kind, "help");
});

Deno.test("parseSummary() reads the last line of deno test, and formatCounts() writes ours", () => {
  const coloured =
    "\x1b[0m\x1b[32mok\x1b[0m | 3 passed (2 steps) | 0 failed \x1b[0m\x1b[38;5;245m(5ms)\x1b[0m";
  assert.deepEqual(parseSummary(coloured), { passed: 3, failed: 0, skipped: 0 });
  const skipped = parseSummary(
    "FAILED | 12 passed | 1 failed (1 step) | 2 ignored | 4 filtered out (1s)",
  );
  assert.equal(formatCounts(skipped!), "tests: 12 passed, 1 failed, 2 skipped");
  assert.deepEqual([" 3 pass", " 0 fail", "30 skip"].map(parseBunCount), [
    { passed: 3 },
    { failed: 0 },
    { skipped: 30 },
  ]);
  assert.equal(parseBunCount("(pass) 3 pass"), undefined);
  assert.equal(formatCounts({ passed: 1, failed: 0, skipped: 0 }), "tests: 1 passed, 0 failed");
  assert.equal(parseSummary("verify() ... ok (3ms)"), undefined);
});
