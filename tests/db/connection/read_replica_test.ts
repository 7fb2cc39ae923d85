import assert from "node:assert/strict";
import { type Database, openDatabase, toInteger } from "../../../db/connection/database.ts";
import { openReadReplica, type ReplicaOptions } from "../../../db/connection/read_replica.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { removeProcess, signProcess } from "../../../db/connection/schema_state.ts";
import { diagnoseReplica } from "../../../commands/diagnose_replica.ts";
import type { Config } from "../../../config/config.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { makeApp } from "../../../routes/app.ts";
import { type ReplicatedPair, replicatedPair } from "../../replicated_pair.ts";
import { ask, openApi, orderBodyOf } from "../../routes/api.ts";

const processId = "reader";
let pair: ReplicatedPair;
let primary: Database;
Deno.test.beforeAll(async () => {
  pair = await replicatedPair();
  await migrate(pair.first.url);
  primary = await openDatabase(pair.first.url, { connections: 2 });
});
Deno.test.afterAll(async () => {
  await primary.close();
  await pair[Symbol.asyncDispose]();
});

/** Both have one password. */
const secondUrl = () => pair.first.url.replace(`:${pair.first.port}/`, `:${pair.second.port}/`);

const isMysql = () => primary.engine === "mysql";
const hold = () => pair.second.administer(isMysql() ? "stop replica" : "stop slave");
const follow = () => pair.second.administer(isMysql() ? "start replica" : "start slave");

/** A replica with a clock of the test's own, and what was said of it. */
async function reader(options: Partial<ReplicaOptions> = {}) {
  const clock = { now: 0 };
  const changes: string[] = [];
  await signProcess(primary, { id: processId, name: "reader", knows: 0 });
  const replica = openReadReplica({
    db: primary,
    open: () => openDatabase(secondUrl(), { connections: 2 }),
    processId,
    stalenessMs: 5_000,
    onChange: ({ reads }) => changes.push(reads),
    now: () => clock.now,
    ...options,
  });
  return {
    ...replica,
    clock,
    changes,
    /** Which of the two is read from. */
    where: async () => {
      const port = await replica.read(async (db) =>
        toInteger((await db.query("select @@port as port"))[0]!.port)
      );
      return port === pair.second.port ? "replica" : "primary";
    },
    async [Symbol.asyncDispose]() {
      await replica.close();
      await removeProcess(primary, processId);
    },
  };
}

Deno.test("a replica that hangs keeps nobody waiting for long", async () => {
  const never = new Promise<never>(() => {});
  const hung = { transaction: () => never, close: () => Promise.resolve() };
  await using one = await reader({ open: () => Promise.resolve(hung as unknown as Database) });
  await one.mark();
  const late = setTimeout(() => assert.fail("it waits"), 10_000);
  assert.deepEqual(await Promise.all([one.where(), one.where()]), ["primary", "primary"]);
  clearTimeout(late);
  assert.deepEqual(one.changes, ["primary"]);
  one.clock.now = 4_900;
  const startedAt = performance.now();
  assert.equal(await one.where(), "primary");
  assert.ok(performance.now() - startedAt < 1_500, "it rests");
});

Deno.test("openReadReplica() reads from the replica once it has what was written in time, and not before", async () => {
  await using one = await reader();
  assert.equal(await one.where(), "primary", "nothing is known yet");
  await one.mark();
  await pair.caughtUp();
  assert.equal(await one.where(), "replica");
  await hold();
  one.clock.now = 4_000;
  await one.mark();
  assert.equal(await one.where(), "replica", "what it lacks is young");
  one.clock.now = 6_000;
  await one.mark();
  assert.equal(
    await one.where(),
    "primary",
    "it lacks what is two seconds old, and has nothing younger than six",
  );
  await follow();
  await pair.caughtUp();
  assert.equal(await one.where(), "primary", "it is left alone for a second");
  one.clock.now = 7_100;
  assert.equal(await one.where(), "replica");
  assert.deepEqual(one.changes, ["primary", "replica"]);
});

Deno.test("openReadReplica() reads nothing from it while the primary tells of no time", async () => {
  await using one = await reader();
  await one.mark();
  await pair.caughtUp();
  one.clock.now = 5_001;
  assert.equal(await one.where(), "primary");
});

Deno.test("openReadReplica() takes what was written slowly for as old as when it was begun", async () => {
  await using one = await reader({
    db: {
      ...primary,
      run: async (...args) => {
        const ran = await primary.run(...args);
        one.clock.now += 4_000;
        return ran;
      },
    },
  });
  await one.mark();
  await pair.caughtUp();
  assert.equal(await one.where(), "replica");
  one.clock.now = 5_001;
  assert.equal(await one.where(), "primary");
});

Deno.test("openReadReplica() asks how old it is on the connection that it reads by: others may lead to another replica", async () => {
  await using one = await reader({
    open: async () => {
      const behind = await openDatabase(secondUrl(), { connections: 2 });
      return { ...behind, query: primary.query, execute: primary.execute };
    },
  });
  await one.mark();
  await pair.caughtUp();
  await hold();
  one.clock.now = 6_000;
  await one.mark();
  assert.equal(await one.where(), "primary");
  await follow();
  await pair.caughtUp();
});

Deno.test("openReadReplica() takes no old state for a young one when the server's clock was set back", async () => {
  const set = (at: string) =>
    primary.run("update processes set seen_at = ? where id = ?", [at, processId]);
  // As if marked by a clock that was an hour ahead.
  const ahead = "2999-01-01 00:00:00.000000";
  let text = ahead;
  const db = {
    ...primary,
    run: (sql: string, values: string[] = []) =>
      sql.includes("update processes") ? set(text) : primary.run(sql, values),
  };
  await using other = await reader({ db: db as Database });
  await other.mark();
  await pair.caughtUp();
  assert.equal(await other.where(), "replica");
  await hold();
  text = "2998-01-01 00:00:00.000000";
  other.clock.now = 6_000;
  await other.mark();
  assert.equal(await other.where(), "primary");
  await follow();
  await pair.caughtUp();
  other.clock.now = 7_100;
  assert.equal(await other.where(), "replica");
});

Deno.test("openReadReplica() asks the primary where the replica fails, and says what the caller got wrong itself", async () => {
  await using one = await reader({
    open: () => openDatabase(secondUrl().replace("/orders", "/missing"), { connections: 1 }),
  });
  await one.mark();
  assert.equal(await one.where(), "primary");
  assert.deepEqual(one.changes, ["primary"]);

  await using two = await reader();
  await two.mark();
  await pair.caughtUp();
  let tries = 0;
  const failing = two.read(() => {
    tries++;
    return Promise.reject(new WorkflowError("bad_request", "No such thing"));
  });
  await assert.rejects(failing, { code: "bad_request" });
  assert.equal(tries, 1);
  // A table that only the primary has, as while a migration is on its way.
  await two.read(async (db) => {
    const [{ port }] = await db.query("select @@port as port") as [{ port: number }];
    if (port === pair.second.port) await db.query("select * from a_table_to_come");
  });
  assert.deepEqual(two.changes, ["primary"]);
});

Deno.test("doctor tells how far the replica is behind", async () => {
  await using one = await reader();
  await one.mark();
  await pair.caughtUp();
  const config = {
    databaseUrl: pair.first.url,
    readDatabaseUrl: secondUrl(),
    readStalenessMs: 5_000,
  } as Config;
  const told = async (changes: Partial<Config> = {}) => {
    const [, finding] = await diagnoseReplica({ ...config, ...changes }, "Encrypt it");
    return `${finding!.level}: ${finding!.detail}`;
  };
  assert.equal(await told(), "ok: 0 ms behind");
  await hold();
  await primary.run(
    "update processes set seen_at = seen_at + interval 7 second where id = ?",
    [processId],
  );
  assert.equal(await told(), "warning: 7000 ms behind, so that the database itself is read");
  await follow();
  assert.match(await told({ readDatabaseUrl: config.databaseUrl }), /^warning: is the same server/);
  await removeProcess(primary, processId);
  await pair.caughtUp();
  assert.match(await told(), /^ok: answers/);
});

Deno.test("lists and files of the API come from the replica, and what is asked for by its name from the database", async () => {
  await using one = await reader();
  const api = await openApi("read_replica");
  const db = await openDatabase(pair.first.url, { connections: 2 });
  try {
    const asked: string[] = [];
    const reads = async <T>(read: (db: Database) => Promise<T>): Promise<T> => {
      return await one.read(async (from) => {
        asked.push(
          toInteger((await from.query("select @@port as port"))[0]!.port) === pair.second.port
            ? "replica"
            : "primary",
        );
        return await read(from as Database);
      });
    };
    const app = makeApp({ ...api.deps, db, reads: reads as typeof one.read });
    const order = orderBodyOf();
    const taken = await ask({ app }, "POST", "/orders", order);
    assert.equal(taken.status, 202);
    await one.mark();
    await pair.caughtUp();
    for (const path of ["/orders", "/orders.csv", "/refunds", "/refunds.csv", "/notifications"]) {
      asked.length = 0;
      const answer = await app.request(path);
      assert.equal(answer.status, 200, path);
      await answer.text();
      assert.ok(asked.length > 0 && asked.every((where) => where === "replica"), path);
    }
    asked.length = 0;
    const found = await app.request(`/orders?external_order_id=${order.external_order_id}`);
    assert.equal((await found.json()).data.length, 1);
    const { id } = taken.body as { id: number };
    assert.equal((await app.request(`/orders/${id}`)).status, 200);
    assert.equal((await app.request("/orders?updated_since=2020-01-01")).status, 200);
    assert.equal((await app.request("/events")).status, 200);
    assert.deepEqual(asked, []);
  } finally {
    await db.close();
    await api.close();
  }
});
