import assert from "node:assert/strict";
import { connectionWay } from "../../../db/connection/connection.ts";
import { openPool } from "../../../db/connection/connection_pool.ts";
import { type Database, openDatabase, toInteger } from "../../../db/connection/database.ts";
import { isServerFault } from "../../../db/connection/faults.ts";
import { migrate, migrationStatus } from "../../../db/connection/migrate.ts";
import { readHostStates } from "../../../db/connection/host_states.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { judgeHosts } from "../../../domain/operation/diagnosis.ts";
import { makeApp } from "../../../routes/app.ts";
import { type ReplicatedPair, replicatedPair, setReadOnly } from "../../replicated_pair.ts";
import { ask, openApi, orderBodyOf } from "../../routes/api.ts";
import { until } from "../../provider.ts";

const portOf = async (db: Database) =>
  toInteger((await db.query("select @@port as port"))[0]!.port);

const openAll = (db: Database, count: number) =>
  Promise.all(Array.from({ length: count }, () => db.query("select sleep(0.05)")));

/** Whoever is connected as the product is. */
async function clients({ administer }: ReplicatedPair["first"]): Promise<number> {
  const rows = await administer(
    "select count(*) as clients from information_schema.processlist where user = 'orders'",
  );
  return Number(rows[0]!.clients);
}

Deno.test("of several hosts the one that takes changes is found, and followed as they change places", async () => {
  await using pair = await replicatedPair();
  const { first, second, url } = pair;
  const backwards = url.replace(
    `127.0.0.1:${first.port},127.0.0.1:${second.port}`,
    `127.0.0.1:${second.port},127.0.0.1:${first.port}`,
  );
  assert.notEqual(backwards, url);
  // The schema is made where changes are taken, whoever is named first.
  assert.ok((await migrate(backwards)).applied.length > 0);
  assert.ok((await migrationStatus(url)).every(({ applied }) => applied));

  const db = await openDatabase(backwards, { connections: 4 });
  const api = await openApi("several_hosts");
  const deps = { ...api.deps, config: { ...api.deps.config, databaseUrl: backwards }, db };
  const own = { ...api, deps, app: makeApp(deps) };
  const post = async (name: string) =>
    (await ask(own, "POST", "/orders", { ...orderBodyOf(), external_order_id: name })).status;
  try {
    await openAll(db, 4);
    assert.equal(await portOf(db), first.port);
    assert.equal(await post("before"), 202);

    await pair.switchOver();
    const started = performance.now();
    let refused = 0;
    while (await post("after") !== 202) assert.ok(++refused < 20);
    assert.ok(performance.now() - started < 5_000, "first order within five seconds");
    assert.equal((await ask(own, "GET", "/readyz")).status, 200);
    await openAll(db, 4);
    assert.equal(await portOf(db), second.port);
    await until("nothing is left at the old primary", async () => await clients(first) === 0);
    const names = await second.administer(
      "select external_order_id as name from orders.orders order by id",
    );
    assert.deepEqual(names.map(({ name }) => name), ["before", "after"]);
  } finally {
    await db.close();
    await api.close();
  }
});

Deno.test("a host that was killed or stands still is left for the one that was promoted", async () => {
  await using pair = await replicatedPair();
  const { first, second, url } = pair;
  await migrate(url);
  const db = await openDatabase(url, { connections: 3, lookMs: 100 });
  const insert = (version: number) =>
    db.transaction((tx) =>
      tx.run("insert into schema_migrations (version, name) values (?, 'x')", [version])
    );
  try {
    await openAll(db, 3);
    await pair.caughtUp();
    first.kill("SIGSTOP");
    // Whoever waits for the one that stands still goes on at the other, once that takes changes.
    const waiting = insert(9001);
    await pair.promote();
    await waiting;
    assert.equal(await portOf(db), second.port);
    first.kill("SIGCONT");

    // Back again, as after a second failover: the first is dead for those who were at the second.
    await setReadOnly(second, true);
    await insert(9002);
    assert.equal(await portOf(db), first.port);
    await setReadOnly(second, false);
    first.kill("SIGKILL");
    await first.exited;
    await insert(9003);
    assert.equal(await portOf(db), second.port);
  } finally {
    await db.close();
  }
});

Deno.test("an idle connection to a host that was left is lent to nobody, although it lives on and takes changes", async () => {
  await using pair = await replicatedPair();
  const { first, second, url } = pair;
  await setReadOnly(second, false);
  const way = connectionWay(url);
  const options = { ...way.options, connectionLimit: 2, maxIdle: 2 };
  const pool = openPool({ ...way, options }, () => Promise.resolve());
  const usedPort = () =>
    pool.use(async (connection) => {
      const [rows] = await connection.query("select @@port as port");
      return (rows as { port: number }[])[0]!.port;
    });
  try {
    const before = await usedPort();
    way.choice!.leave({ host: "127.0.0.1", port: before });
    await way.choice!.search();
    assert.equal(await usedPort(), before === first.port ? second.port : first.port);
  } finally {
    await pool.close();
  }
});

Deno.test("hosts that stand still hold up nobody: all are asked side by side", async () => {
  await using pair = await replicatedPair();
  const { first, second, url } = pair;
  await migrate(url);
  await pair.caughtUp();
  // Both names lead to the one that will stand still.
  const both = url.replace("@127", `@localhost:${first.port},127`);
  const db = await openDatabase(both, { connections: 3 });
  const insert = (to: Database, version: number) =>
    to.transaction((tx) =>
      tx.run("insert into schema_migrations (version, name) values (?, 'x')", [version])
    );
  try {
    await openAll(db, 3);
    assert.equal(await portOf(db), first.port);
    first.kill("SIGSTOP");
    await pair.promote();
    const started = performance.now();
    const other = await openDatabase(both, { connections: 1 });
    assert.equal(await portOf(other), second.port);
    const openedMs = performance.now() - started;
    await other.close();
    await insert(db, 9001);
    const gapMs = performance.now() - started;
    assert.equal(await portOf(db), second.port);
    assert.ok(openedMs < 2_500, `opened after ${openedMs} ms`);
    assert.ok(gapMs < 7_000, `went on after ${gapMs} ms`);
  } finally {
    first.kill("SIGCONT");
    await db.close();
  }
});

Deno.test("a single statement that a demoted primary refuses goes on at its successor", async () => {
  await using pair = await replicatedPair();
  const { second, url } = pair;
  await migrate(url);
  const db = await openDatabase(url, { connections: 2 });
  try {
    await openAll(db, 2);
    await pair.switchOver();
    const { affectedRows } = await db.run(
      "insert into schema_migrations (version, name) values (9001, 'x')",
    );
    assert.equal(affectedRows, 1);
    assert.equal(await portOf(db), second.port);
  } finally {
    await db.close();
  }
});

Deno.test("a read that loses its host is run again at the successor, and a change that may be done is not", async () => {
  await using pair = await replicatedPair();
  const { first, second, url } = pair;
  await migrate(url);
  const db = await openDatabase(url, { connections: 3 });
  try {
    await openAll(db, 3);
    await pair.caughtUp();
    const reading = db.query("select sleep(1) as slept, @@port as port");
    const changing = db.run(
      "update schema_migrations set name = name where version = 1 and sleep(2)",
    );
    changing.catch(() => {});
    await until("both run", async () => {
      const rows = await first.administer(
        "select info from information_schema.processlist where info like '%sleep(_)%' and user = 'orders'",
      );
      return rows.length === 2;
    });
    first.kill("SIGKILL");
    await pair.promote();
    assert.equal(toInteger((await reading)[0]!.port), second.port);
    await assert.rejects(changing, isServerFault);
  } finally {
    await db.close();
  }
});

Deno.test("where no host takes changes, each is named with what is wrong with it", async () => {
  await using pair = await replicatedPair();
  const { first, second, url } = pair;
  await migrate(url);
  const db = await openDatabase(url, { connections: 2 });
  const found = async () => {
    const { level, detail, remedy } = judgeHosts(await readHostStates(url));
    return [
      level,
      detail.replaceAll("127.0.0.1:", "").replaceAll(String(first.port), "A")
        .replaceAll(String(second.port), "B"),
      remedy,
    ];
  };
  try {
    assert.deepEqual(await readHostStates(first.url), []);
    assert.deepEqual(await found(), ["ok", "A takes changes; B follows", ""]);
    await setReadOnly(second, false);
    assert.deepEqual(await found(), [
      "problem",
      "A takes changes; B takes changes: each by itself, so that what one takes the other lacks",
      "type on all but the primary: SET GLOBAL read_only = 1",
    ]);
    await setReadOnly(second, true);
    await setReadOnly(first, true);
    await assert.rejects(
      db.transaction((tx) => tx.run("delete from schema_migrations")),
      (error) => {
        assert.ok(isServerFault(error), String(error));
        return true;
      },
    );
    const error = await openDatabase(url).catch((error) => error);
    assert.ok(error instanceof WorkflowError);
    assert.equal(error.code, "unavailable");
    assert.doesNotMatch(error.message, new RegExp(new URL(first.url).password));
    assert.match(
      error.message,
      new RegExp(
        `mysql://orders:\\*\\*\\*@127\\.0\\.0\\.1:${first.port},127\\.0\\.0\\.1:${second.port}/orders: ` +
          `none of its hosts takes changes: 127\\.0\\.0\\.1:${first.port}: it is read-only; ` +
          `127\\.0\\.0\\.1:${second.port}: it is read-only; start the primary, or type`,
      ),
    );
    await first.stop();
    assert.deepEqual(await found(), [
      "warning",
      "A is away (nobody listens on A); B follows",
      "start it, or take it out of DATABASE_URL",
    ]);
    await assert.rejects(migrate(url), new RegExp(`nobody listens on 127.0.0.1:${first.port}`));
  } finally {
    await db.close();
  }
});
