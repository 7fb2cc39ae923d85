import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type AddressInfo, connect as connectTo, createServer } from "node:net";
import mysql from "mysql2/promise";
import { connectionOptions } from "../../../db/connection/connection.ts";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { migrate, planMigrations } from "../../../db/connection/migrate.ts";
import { migrationsFolder, newestMigration } from "../../../db/connection/migration_files.ts";
import { silentSeconds } from "../../../db/connection/schema_state.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { OutdatedError } from "../../../domain/operation/outdated.ts";
import { trustMs, watchSchema } from "../../../streams/workflow/schema_watch.ts";
import { until } from "../../provider.ts";
import { testContext } from "../../support.ts";

/** The version after this one, and the number of its migration. */
const next = newestMigration() + 1;

const nextName = `${String(next).padStart(4, "0")}_next`;

interface Place {
  url: string;
  db: Database;
  /** The migrations of the version after this one. */
  folder: URL;
  /** A connection of its own, which is ended with everything else. */
  connect(): Promise<mysql.Connection>;
}

/** A database of this version, and the migrations of the next. */
async function withNext(
  { oldestBeside, sql }: { oldestBeside: number; sql: string },
  work: (place: Place) => Promise<void>,
): Promise<void> {
  const test = await testContext("online_migration");
  const folder = await Deno.makeTempDir({ prefix: "migrations-" });
  const connections: mysql.Connection[] = [];
  let db: Database | undefined;
  try {
    for await (const { name } of Deno.readDir(migrationsFolder)) {
      await Deno.copyFile(new URL(name, migrationsFolder), `${folder}/${name}`);
    }
    const header = `-- oldest-beside: ${String(oldestBeside).padStart(4, "0")}\n` +
      "-- locks: what the test says\n-- at ten million orders: nobody knows\n";
    await Deno.writeTextFile(`${folder}/${nextName}.sql`, `${header}${sql};\n`);
    await migrate(test.databaseUrl);
    db = await openDatabase(test.databaseUrl);
    await work({
      url: test.databaseUrl,
      db,
      folder: new URL(`file://${folder}/`),
      connect: async () => {
        const connection = await mysql.createConnection(connectionOptions(test.databaseUrl));
        connections.push(connection);
        return connection;
      },
    });
  } finally {
    for (const connection of connections) await connection.end();
    await db?.close();
    await Deno.remove(folder, { recursive: true });
    await test.close();
  }
}

async function isApplied({ db }: Place): Promise<boolean> {
  const rows = await db.unguarded.query("select 1 from schema_migrations where version = ?", [
    next,
  ]);
  return rows.length === 1;
}

/** Resolves once the next version wants to be alone. */
async function announced({ db }: Place): Promise<void> {
  for (;;) {
    const [row] = await db.unguarded.query("select oldest_beside from schema_state");
    if (row!.oldest_beside === next) return;
  }
}

Deno.test("migrate() lets a process that is too old end what it has in hand, and then gives it no connection", () =>
  withNext(
    { oldestBeside: next, sql: "create table next_table (id int primary key)" },
    async (place) => {
      const { url, db, folder } = place;
      const logged: string[] = [];
      const log = { ...silentLog, error: (event: string) => logged.push(event) };
      const watch = await watchSchema({ db, log }, "start");
      try {
        assert.deepEqual(
          (await planMigrations(url, { folder })).map(({ name, stops }) => [name, stops.length]),
          [
            [nextName, 1],
          ],
        );
        let migrating: Promise<unknown> | undefined;
        await db.transaction(async (tx) => {
          await tx.query("select count(*) from order_events");
          migrating = migrate(url, { folder });
          await announced(place);
          await new Promise((resolve) => watch.outdated.addEventListener("abort", resolve));
          assert.equal(await isApplied(place), false, "it waits for the transaction");
          await tx.query("select count(*) from order_events");
          await assert.rejects(db.query("select 1"), OutdatedError);
        });
        await migrating;
        assert.equal(await isApplied(place), true);
        await assert.rejects(db.query("select 1"), OutdatedError);
        await assert.rejects(db.transaction(() => Promise.resolve()), OutdatedError);
        assert.match(
          String(watch.outdated.reason.message),
          new RegExp(
            `knows migrations up to ${String(next - 1).padStart(4, "0")}.* know ${
              String(next).padStart(4, "0")
            }`,
          ),
        );
        assert.deepEqual(logged, ["too old for the database: takes nothing any more"]);
      } finally {
        await watch.stop();
      }
    },
  ));

Deno.test("watchSchema() refuses a process that is too old from the start, and takes a newer one", () =>
  withNext({ oldestBeside: next, sql: "do 0" }, async ({ url, db, folder }) => {
    await migrate(url, { folder });
    await assert.rejects(watchSchema({ db, log: silentLog }, "start"), (error) => {
      assert.ok(error instanceof WorkflowError);
      assert.equal(error.code, "unavailable");
      return true;
    });
    const newer = await watchSchema({ db, log: silentLog }, "start", { knows: next });
    assert.deepEqual(await db.query("select knows from processes"), [{ knows: next }]);
    await newer.stop();
    assert.deepEqual(await db.query("select knows from processes"), []);
  }));

Deno.test("migrate() stops nobody where the version before may go on", () =>
  withNext(
    { oldestBeside: next - 1, sql: "create table next_table (id int primary key)" },
    async (place) => {
      const watch = await watchSchema({ db: place.db, log: silentLog }, "start");
      assert.deepEqual((await planMigrations(place.url, place)).map(({ stops }) => stops), [[]]);
      await migrate(place.url, place);
      await place.db.query("select * from next_table");
      assert.equal(watch.outdated.aborted, false);
      await watch.stop();
    },
  ));

Deno.test("migrate() lets nobody in again whom a newer version has shut out", () =>
  withNext({ oldestBeside: next - 1, sql: "do 0" }, async ({ url, db, folder }) => {
    await db.run("update schema_state set oldest_beside = ?", [next + 5]);
    await migrate(url, { folder });
    assert.deepEqual(await db.query("select oldest_beside from schema_state"), [
      { oldest_beside: next + 5 },
    ]);
  }));

Deno.test("a process that works says again and again that it is there, or whoever migrates would not wait for it", () =>
  withNext({ oldestBeside: next, sql: "do 0" }, async ({ db }) => {
    let now = 0;
    const watch = await watchSchema({ db, log: silentLog }, "consume", { now: () => now });
    try {
      await db.unguarded.run("update processes set seen_at = utc_timestamp(6) - interval 1 hour");
      now = 5_000;
      const said = "select seen_at > utc_timestamp(6) - interval 1 minute as lately from processes";
      await until(
        "it says so",
        async () => Number((await db.unguarded.query(said))[0]!.lately) === 1,
      );
    } finally {
      await watch.stop();
    }
  }));

Deno.test("a process that stood still while others migrated looks before its next statement", () =>
  withNext({ oldestBeside: next, sql: "do 0" }, async ({ url, db, folder }) => {
    assert.ok(trustMs < silentSeconds * 1_000, "it looks before others take it for gone");
    let now = 0;
    // It looks by itself no sooner than in a second, and this takes less.
    const watch = await watchSchema({ db, log: silentLog }, "consume", { now: () => now });
    await db.unguarded.run("update processes set seen_at = utc_timestamp(6) - interval 21 second");
    await db.unguarded.run("update schema_state set oldest_beside = ?", [next]);
    await db.query("select 1");
    now = trustMs;
    await assert.rejects(db.query("select 1"), OutdatedError);
    await migrate(url, { folder });
    await watch.stop();
  }));

Deno.test("migrate() waits for the lease of another process on any node, and takes one whose time is over", () =>
  withNext({ oldestBeside: next - 1, sql: "do 0" }, async (place) => {
    const { url, db, folder } = place;
    await db.run(
      "update schema_state set lease_owner = 'other', lease_until = utc_timestamp(6) + interval 1500000 microsecond",
    );
    const startedAt = performance.now();
    const migrating = migrate(url, { folder });
    while (performance.now() - startedAt < 1_000) assert.equal(await isApplied(place), false);
    await migrating;
    assert.ok(performance.now() - startedAt >= 1_300);
    assert.deepEqual(await db.query("select lease_owner, lease_until from schema_state"), [
      { lease_owner: null, lease_until: null },
    ]);
  }));

Deno.test("migrate() holds the lease while a statement runs", () =>
  withNext(
    { oldestBeside: next - 1, sql: "set @slept = sleep(1);\ndo 0" },
    async ({ url, db, folder }) => {
      const migrating = migrate(url, { folder });
      for (;;) {
        const [row] = await db.query(
          "select lease_owner, lease_until > utc_timestamp(6) as held from schema_state",
        );
        if (row!.lease_owner === null) continue;
        assert.equal(Number(row!.held), 1);
        break;
      }
      await migrating;
    },
  ));

Deno.test("two processes that migrate at once apply each migration once", () =>
  withNext(
    { oldestBeside: next - 1, sql: "create table next_table (id int primary key)" },
    async ({ url, folder }) => {
      const results = await Promise.all([1, 2, 3].map(() => migrate(url, { folder })));
      assert.deepEqual(results.flatMap(({ applied }) => applied), [nextName]);
    },
  ));

/**
 * Another node of a cluster, which knows nothing of the locks by name of the first: what is called `migrate:…` here has another
 * name there.
 */
async function otherNode(url: string): Promise<{ url: string; close(): void }> {
  const there = new URL(url);
  const server = createServer((client) => {
    const database = connectTo(Number(there.port), there.hostname);
    client.on("data", (bytes) => {
      const text = bytes.toString("latin1").replaceAll("'migrate:'", "'migrate2'");
      database.write(Buffer.from(text, "latin1"));
    });
    database.on("data", (bytes) => client.write(bytes));
    for (const [one, other] of [[client, database], [database, client]] as const) {
      one.on("close", () => other.destroy());
      one.on("error", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const node = new URL(url);
  node.port = String((server.address() as AddressInfo).port);
  return { url: node.href, close: () => server.close() };
}

Deno.test("two nodes of a cluster that know nothing of each other's locks by name migrate one after the other", () =>
  withNext({
    oldestBeside: next - 1,
    sql: "create table if not exists next_table (id int not null auto_increment primary key);\n" +
      "set @slept = sleep(0.5);\ninsert into next_table values ()",
  }, async ({ url, db, folder }) => {
    const node = await otherNode(url);
    try {
      const results = await Promise.all([url, node.url].map((one) => migrate(one, { folder })));
      assert.deepEqual(results.flatMap(({ applied }) => applied), [nextName]);
      assert.equal((await db.query("select id from next_table")).length, 1);
    } finally {
      node.close();
    }
  }));

Deno.test("a statement that waits for a table lets others use it meanwhile, and gets it in the end", () =>
  withNext({
    oldestBeside: next - 1,
    sql: "alter table order_events add column next_column int null, algorithm = instant",
  }, async (place) => {
    const { url, db, folder, connect } = place;
    const reader = await connect();
    await reader.query("start transaction");
    await reader.query("select count(*) from order_events");
    const startedAt = performance.now();
    const migrating = migrate(url, { folder });
    let longest = 0;
    while (performance.now() - startedAt < 4_000) {
      const before = performance.now();
      await db.query("select count(*) from order_events");
      longest = Math.max(longest, performance.now() - before);
    }
    assert.equal(await isApplied(place), false);
    assert.ok(longest > 500, "it has waited for the table");
    assert.ok(longest < 3_000, `others waited ${longest} ms`);
    await reader.query("commit");
    await migrating;
    await db.query("select next_column from order_events");
  }));

Deno.test("a statement in steps goes on after a crash with the step that was not done", () =>
  withNext({
    oldestBeside: next - 1,
    sql: "create table if not exists step_log (first bigint not null, last bigint not null);\n" +
      "/* in steps of customers */\ninsert into step_log (first, last) values (@step_first, @step_last)",
  }, async ({ url, db, folder }) => {
    await db.run(`
      insert into customers (external_id, email, name)
      select concat(a.n, b.n, c.n, d.n, e.n), '', ''
      from (${digits}) a, (${digits}) b, (${digits}) c, (${digits}) d, (select 0 as n union all select 1) e`);
    await db.run("create table step_log (first bigint not null, last bigint not null)");
    const [{ at }] = await db.query(
      "select id as at from customers order by id limit 1 offset 9999",
    ) as [{ at: number }];
    // As whoever was killed after 10,000 of 20,000 left it.
    await db.run("update schema_state set step_of = ?, step_after = ?", [`${next}.1`, at]);
    await migrate(url, { folder });
    const steps = await db.query("select first, last from step_log order by first");
    assert.equal(steps.length, 2);
    assert.ok(Number(steps[0]!.first) > at);
    assert.deepEqual(await db.query("select step_of, step_after from schema_state"), [
      { step_of: null, step_after: 0 },
    ]);
    // Nobody takes what is left there for a step of another migration.
    await db.run("delete from schema_migrations where version = ?", [next]);
    await db.run("update schema_state set step_of = '17.2', step_after = ?", [at]);
    await db.run("delete from step_log");
    await migrate(url, { folder });
    assert.equal((await db.query("select first from step_log")).length, 4);
  }));

const digits = Array.from({ length: 10 }, (_, n) => `select ${n} as n`).join(" union all ");
