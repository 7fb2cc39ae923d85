import assert from "node:assert/strict";
import { connectionOptions, withoutSecrets } from "../../../db/connection/connection.ts";
import {
  type Database,
  openDatabase,
  toInteger,
  toIsoTime,
  transactionTries,
} from "../../../db/connection/database.ts";
import { isDuplicateKey, isRetryable, isServerFault } from "../../../db/connection/faults.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { testContext } from "../../support.ts";

async function setUp(name: string, connections?: number) {
  const test = await testContext(name);
  const db = await openDatabase(test.databaseUrl, { connections });
  await db.query(`
    create table things (
      id bigint unsigned not null primary key,
      name varchar(64) character set utf8mb4 collate utf8mb4_bin null,
      big bigint null,
      at datetime(6) null,
      unique key things_name (name)
    ) engine = innodb`);
  return {
    test,
    db,
    async [Symbol.asyncDispose]() {
      await db.close();
      await test.close();
    },
  };
}

const thrown = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => assert.fail("nothing was thrown"), (error) => error);

const count = async (db: Database) =>
  toInteger((await db.query("select count(*) as things from things"))[0]!.things);

/** Two promises to wait for each other by. */
function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

Deno.test("connections() tells what is open, in use and waited for", async () => {
  await using context = await setUp("database_connections", 2);
  const { db } = context;
  const release = gate();
  const holding = [gate(), gate()].map((begun) => ({
    begun: begun.opened,
    ended: db.transaction(async () => {
      begun.open();
      await release.opened;
    }),
  }));
  for (const { begun } of holding) await begun;
  assert.deepEqual(db.connections(), { open: 2, inUse: 2, waiting: 0 });
  const third = db.query("select 1 as one");
  assert.deepEqual(db.connections(), { open: 2, inUse: 2, waiting: 1 });
  release.open();
  for (const { ended } of holding) await ended;
  await third;
  assert.deepEqual(db.connections(), { open: 2, inUse: 0, waiting: 0 });
});

Deno.test("every connection has the same time, charset, isolation and strictness", async () => {
  await using context = await setUp("database_session", 3);
  const isolation = context.db.engine === "mariadb"
    ? "@@session.tx_isolation"
    : "@@session.transaction_isolation";
  const sessions = await Promise.all([0, 1, 2].map(() =>
    context.db.query(`
      select @@session.time_zone as zone, ${isolation} as isolation,
        @@session.character_set_connection as charset,
        @@session.collation_connection as collation,
        @@session.sql_mode like '%STRICT_TRANS_TABLES%' as strict, sleep(0.01) as slept`)
  ));
  for (const [session] of sessions) {
    assert.deepEqual(session, {
      zone: "+00:00",
      isolation: "READ-COMMITTED",
      charset: "utf8mb4",
      collation: "utf8mb4_unicode_ci",
      strict: 1,
      slept: 0,
    });
  }
  assert.match(context.db.version, context.db.engine === "mariadb" ? /MariaDB/ : /^\d+\.\d+\.\d+/);
  assert.equal(context.db.engine, context.test.engine);
});

Deno.test("query() and execute() give numbers, texts and times alike and exactly", async () => {
  await using context = await setUp("database_values");
  const { db } = context;
  const name = "é€😀'\"\\\n\u0000";
  await db.run("insert into things (id, name, big, at) values (?, ?, ?, ?)", [
    1,
    name,
    Number.MAX_SAFE_INTEGER,
    "2025-03-01 12:00:00.000120",
  ]);
  await db.runText("insert into things (id, name, big, at) values (?)", [[
    2,
    null,
    "-9223372036854775808",
    "2025-03-01 12:00:00",
  ] as never]);
  const sql =
    "select id, name, big, at, cast(big as decimal(30, 0)) as money from things where id = ?";
  for (const read of [db.query, db.execute]) {
    const [one] = await read(sql, [1]);
    assert.equal(one!.name, name);
    assert.equal(toInteger(one!.big), Number.MAX_SAFE_INTEGER);
    assert.equal(toInteger(one!.money), Number.MAX_SAFE_INTEGER);
    assert.equal(toIsoTime(one!.at), "2025-03-01T12:00:00.000120Z");
    const [two] = await read(sql, [2]);
    assert.equal(two!.name, null);
    assert.equal(two!.big, "-9223372036854775808", "what is not exact stays text");
    assert.throws(() => toInteger(two!.big), RangeError);
    assert.equal(toIsoTime(two!.at), "2025-03-01T12:00:00.000000Z");
  }
});

Deno.test("run() counts the rows that an UPDATE matched, changed or not", async () => {
  await using context = await setUp("database_matched");
  const { db } = context;
  await db.runText("insert into things (id, big) values (1, 5), (2, 6), (3, 5)");
  assert.equal((await db.run("update things set big = 5 where id <= ?", [2])).affectedRows, 2);
  assert.equal(
    (await db.runText("update things set big = 5 where id in (?)", [[1, 2, 9]])).affectedRows,
    2,
  );
});

Deno.test("transaction() commits, or leaves nothing when its work throws", async () => {
  await using context = await setUp("database_commit", 1);
  const { db } = context;
  assert.equal(
    await db.transaction(async (tx) => {
      await tx.run("insert into things (id) values (1)");
      return 42;
    }),
    42,
  );
  const error = new Error("no");
  assert.equal(
    await thrown(db.transaction(async (tx) => {
      await tx.run("insert into things (id) values (2)");
      throw error;
    })),
    error,
  );
  // The one connection there is goes to the next borrower without an open transaction.
  await db.run("insert into things (id) values (3)");
  const [row] = await db.query("select connection_id() as id");
  assert.ok(row!.id);
  assert.equal(await count(db), 2);
});

Deno.test("transaction() rolls back and runs its work again on a deadlock", async () => {
  await using context = await setUp("database_deadlock");
  const { db } = context;
  await db.runText("insert into things (id, big) values (1, 0), (2, 0)");
  const both = [gate(), gate()] as const;
  const tries = [0, 0];
  const add = (tx: Parameters<Parameters<Database["transaction"]>[0]>[0], id: number) =>
    tx.run("update things set big = big + 1 where id = ?", [id]);
  await Promise.all([0, 1].map((me) =>
    db.transaction(async (tx) => {
      tries[me]!++;
      await add(tx, me + 1);
      both[me]!.open();
      await both[1 - me]!.opened;
      await add(tx, 2 - me);
    })
  ));
  assert.equal(tries[0]! + tries[1]!, 3, "one of the two was the victim, once");
  const rows = await db.query("select big from things order by id");
  assert.deepEqual(rows, [{ big: 2 }, { big: 2 }], "nothing was lost or done twice");
});

Deno.test("transaction() goes on over a connection that was killed, on a new one", async () => {
  await using context = await setUp("database_killed");
  const { db } = context;
  let tries = 0;
  await db.transaction(async (tx) => {
    tries++;
    await tx.run("insert into things (id, big) values (1, ?)", [tries]);
    if (tries === 1) {
      const [{ id }] = await tx.query("select connection_id() as id") as [{ id: number }];
      await db.query(`kill ${id}`);
    }
    await tx.query("select 1");
  });
  assert.deepEqual(await db.query("select big from things"), [{ big: 2 }]);
});

Deno.test("transaction() gives up after its tries and passes the last error on", async () => {
  await using context = await setUp("database_gives_up");
  let tries = 0;
  const deadlock = Object.assign(new Error("Deadlock"), { errno: 1213, sqlState: "40001" });
  const error = await thrown(context.db.transaction(() => {
    tries++;
    return Promise.reject(deadlock);
  }));
  assert.equal(error, deadlock);
  assert.equal(tries, transactionTries);
});

Deno.test("transaction() does not try again what can't succeed", async () => {
  await using context = await setUp("database_no_retry");
  const { db } = context;
  await db.run("insert into things (id, name) values (1, 'a')");
  let tries = 0;
  const error = await thrown(db.transaction(async (tx) => {
    tries++;
    await tx.run("insert into things (id, name) values (2, 'a')");
  }));
  assert.equal(tries, 1);
  assert.ok(isDuplicateKey(error));
  assert.equal(isRetryable(error), false);
  assert.equal(isServerFault(error), false);
});

Deno.test("a lock that is held too long rolls the whole transaction back and tries again", async () => {
  await using context = await setUp("database_lock_wait");
  const { db } = context;
  await db.runText("insert into things (id, big) values (1, 0), (2, 0)");
  const holding = gate(), release = gate();
  const holder = db.transaction(async (tx) => {
    await tx.run("update things set big = 10 where id = 2");
    holding.open();
    await release.opened;
  });
  await holding.opened;
  let tries = 0;
  await db.transaction(async (tx) => {
    tries++;
    // The shortest wait there is; the transaction before it must not survive the time-out.
    await tx.query("set session innodb_lock_wait_timeout = 1");
    await tx.run("update things set big = big + 1 where id = 1");
    if (tries === 2) {
      release.open();
      await holder;
    }
    await tx.run("update things set big = big + 1 where id = 2");
  });
  assert.equal(tries, 2);
  assert.deepEqual(await db.query("select big from things order by id"), [{ big: 1 }, { big: 11 }]);
});

Deno.test("isServerFault() tells a server in trouble from a faulty statement", async () => {
  await using context = await setUp("database_faults");
  const { db } = context;
  const missing = await thrown(db.query("select * from nowhere"));
  assert.equal(isServerFault(missing), true, "a missing table");
  const wrong = await thrown(db.query("select ' from things"));
  assert.equal(isServerFault(wrong), false, "a syntax error");
  const tooLong = await thrown(
    db.run("insert into things (id, name) values (1, ?)", ["x".repeat(65)]),
  );
  assert.equal(isServerFault(tooLong), false, "a text that is too long");
  for (const error of [null, undefined, "text", new Error("plain")]) {
    assert.equal(isServerFault(error), false);
  }
  const url = new URL(context.test.databaseUrl);
  url.port = "1";
  const refused = await thrown(openDatabase(url.href));
  assert.ok(refused instanceof WorkflowError && refused.code === "unavailable");
});

Deno.test("isServerFault() takes a database that is read-only for one that is away", async () => {
  await using context = await setUp("database_read_only");
  const { db } = context;
  const real = await thrown(db.transaction(async (tx) => {
    await tx.query("rollback");
    await tx.query("start transaction read only");
    await tx.run("insert into things (id, name) values (1, 'a')");
  }));
  assert.equal((real as { errno?: number }).errno, 1792);
  // --read-only, and a table or tablespace in the same state.
  for (const errno of [1792, 1290, 1836]) {
    const error = Object.assign(new Error("read only"), { errno, sqlState: "HY000" });
    assert.equal(isServerFault(error), true, String(errno));
    assert.equal(isRetryable(error), false, "trying again at once would not help");
  }
});

Deno.test("openDatabase() names the server that it can't reach or log in to, and no password", async () => {
  const test = await testContext("database_unreachable");
  try {
    const wrong = new URL(test.databaseUrl);
    wrong.password = "very-secret";
    const away = new URL(wrong);
    away.port = "1";
    const nowhere = new URL(wrong);
    nowhere.searchParams.set("socket", "/nowhere/db.sock");
    for (const url of [wrong, away, nowhere]) {
      const error = await thrown(openDatabase(url.href));
      assert.ok(error instanceof WorkflowError && error.code === "unavailable");
      assert.match(error.message, /^Cannot reach the database at mysql:\/\/\w+:\*\*\*@/);
      assert.doesNotMatch(error.message, /secret/);
    }
    assert.equal(withoutSecrets("nonsense"), "(not a URL)");
  } finally {
    await test.close();
  }
});

Deno.test("connectionOptions() reads every part of a URL", () => {
  const options = connectionOptions("mysql://us%40er:p%2Fa%3Ass@db.example:3307/or%20ders");
  const { host, port, user, password, database } = options;
  assert.deepEqual(
    { host, port, user, password, database },
    { host: "db.example", port: 3307, user: "us@er", password: "p/a:ss", database: "or ders" },
  );
  const socket = connectionOptions("mysql://root@localhost/orders?socket=/run/my.sock");
  assert.deepEqual([socket.socketPath, socket.host], ["/run/my.sock", undefined]);
  assert.equal(connectionOptions("mysql://host/orders").port, 3306);
});

Deno.test("toInteger() takes exact integers only; times convert both ways", () => {
  assert.equal(toInteger("42"), 42);
  assert.equal(toInteger(0), 0);
  for (const bad of [null, undefined, "x", 1.5, "9007199254740993", new Uint8Array(2)]) {
    assert.throws(() => toInteger(bad), RangeError, String(bad));
  }
  assert.equal(toIsoTime("2025-03-01 12:00:00.123456"), "2025-03-01T12:00:00.123456Z");
  assert.equal(toIsoTime(null), null);
});
