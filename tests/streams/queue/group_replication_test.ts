import assert from "node:assert/strict";
import { type Database, openDatabase, toInteger } from "../../../db/connection/database.ts";
import { isRetryable, isWrongServer } from "../../../db/connection/faults.ts";
import { readHostStates } from "../../../db/connection/host_states.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { canWrite } from "../../../db/connection/ping.ts";
import { withDeadline } from "../../../streams/timing/deadline.ts";
import { withPort } from "../../../tools/chaos/harness/proxy.ts";
import { until } from "../../../tools/chaos/harness/until.ts";
import mysql from "mysql2/promise";
import { ownDatabase } from "../../own_engines.ts";
import { givesUp, twoMembers } from "../../replication_group.ts";

const isMysql = Deno.env.get("TEST_ENGINE") === "mysql";

Deno.test({
  name:
    "what a member of a group says (1180 or 3101, 3100, 3796, 1290) is the server's, and no message's",
  // MariaDB has no Group Replication.
  ignore: !isMysql,
  fn: async () => {
    await using members = await twoMembers(givesUp);
    const { first, second } = members;
    const secondUrl = withPort(first.url, second.port);
    const db = await openDatabase(secondUrl, { connections: 2 });
    const elsewhere = await openDatabase(first.url, { connections: 1 });
    try {
      await db.runText("create table orders (id int primary key, updated_at int)");
      await db.runText("insert into orders values (1, 0)");
      await db.runText(
        "create table schema_migrations (version int primary key, updated_at datetime(6))",
      );
      await db.runText("insert into schema_migrations values (1, null)");
      assert.equal(await canWrite(db), true);
      await until(
        "the first has the row",
        10_000,
        async () => (await elsewhere.query("select 1 from orders")).length === 1 || "not yet",
      );

      // Two members change a row at once: one of them is refused when it commits, or before.
      const seen = new Set<number>();
      const raw = await mysql.createConnection(secondUrl);
      for (let tries = 0; tries < 40 && seen.size === 0; tries++) {
        await raw.query("start transaction");
        const both = [
          raw.query("update orders set updated_at = updated_at + 1 where id = 1"),
          elsewhere.runText("update orders set updated_at = updated_at + 100 where id = 1"),
        ];
        const commits = [
          ...await Promise.allSettled(both),
          ...await Promise.allSettled([raw.query("commit")]),
        ];
        for (const end of commits) {
          if (end.status === "fulfilled") continue;
          assert.ok(isRetryable(end.reason), String(end.reason));
          seen.add(Number(end.reason.errno));
        }
        await raw.query("rollback");
      }
      assert.ok(seen.size > 0, "they never met");
      for (const number of seen) assert.ok([1180, 1213, 3101].includes(number), String(number));

      // A transaction of the pool is run again and counts once.
      const before = toInteger((await db.query("select updated_at as n from orders"))[0]!.n);
      await db.transaction((tx) => tx.run("update orders set updated_at = updated_at + 1000"));
      const after = toInteger((await db.query("select updated_at as n from orders"))[0]!.n);
      assert.ok(after - before >= 1_000 && after - before < 2_000);

      // Without quorum a commit waits, and then fails; afterwards the member only reads.
      first.kill("SIGKILL");
      await first.exited;
      const probe = await openDatabase(secondUrl, { connections: 1 });
      const looked = canWrite(probe);
      await assert.rejects(withDeadline(1_000, "It", looked), /It/, "nobody agrees to a change");
      const error = await raw.query("update orders set updated_at = 7").then(
        () => undefined,
        (error) => error,
      );
      assert.equal(error?.errno, 3100, String(error));
      assert.ok(isWrongServer(error));
      await until("it only reads", 20_000, async () => !await canWrite(db) || "it takes changes");
      const refused = await db.runText("update orders set updated_at = 8").catch((error) => error);
      // Sessions of the pool wait for what the others have committed, which this one can't know any more.
      assert.equal(refused.errno, 3796);
      assert.ok(isWrongServer(refused));
      const plain = await raw.query("update orders set updated_at = 8").catch((error) => error);
      assert.equal(plain.errno, 1290);
      assert.ok(isWrongServer(plain));
      assert.equal(await looked, false);
      await probe.close();
      await raw.end();
    } finally {
      await db.close();
      await elsewhere.close();
    }
  },
});

Deno.test({
  name: "a member that has lost its majority, and does not say so, is left for a host that commits",
  ignore: !isMysql,
  fn: async () => {
    await using members = await twoMembers([]);
    await using successor = await ownDatabase();
    const { first, second } = members;
    await successor.administer(
      `alter user 'orders'@'%' identified by '${new URL(first.url).password}'`,
    );
    await migrate(first.url);
    await migrate(withPort(first.url, successor.port));
    const url = first.url.replace(/\/orders$/, `,127.0.0.1:${successor.port}/orders`);
    const portOf = async (db: Database) =>
      toInteger((await db.query("select @@port as port"))[0]!.port);
    const db = await openDatabase(url, { connections: 3 });
    try {
      assert.equal(await portOf(db), first.port);
      second.kill("SIGSTOP");
      const started = performance.now();
      const insert = (version: number) =>
        db.transaction((tx) =>
          tx.run("insert into schema_migrations (version, name) values (?, 'x')", [version])
        );
      await Promise.all([9001, 9002, 9003, 9004, 9005].map(insert));
      const gapMs = performance.now() - started;
      assert.equal(await portOf(db), successor.port);
      assert.ok(gapMs < 8_000, `commits again after ${gapMs} ms`);

      // Whoever begins now does not come to it either, although it calls itself writable.
      const other = await openDatabase(url, { connections: 1 });
      assert.equal(await portOf(other), successor.port);
      await other.close();
      const [row] = await first.administer("select @@global.read_only as is_read_only");
      assert.equal(Number(row!.is_read_only), 0);
      const states = await readHostStates(url);
      assert.deepEqual(states.map(({ state }) => state), ["away", "writable"]);
      assert.match(states[0]!.why!, /does not agree/);
    } finally {
      second.kill("SIGCONT");
      await db.close();
    }
  },
});
