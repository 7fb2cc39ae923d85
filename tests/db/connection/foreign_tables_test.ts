import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { connectionOptions } from "../../../db/connection/connection.ts";
import { openDatabase } from "../../../db/connection/database.ts";
import { readForeignTables } from "../../../db/connection/foreign_tables.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { EngineFault } from "../../../domain/operation/engine_fault.ts";
import { run } from "../../commands/run_command.ts";
import { testContext } from "../../support.ts";

/** As another application makes them; its `orders` have an id and nothing else of ours. */
const others: Record<string, string[]> = {
  "Laravel's": [
    "create table migrations (id int unsigned auto_increment primary key, migration varchar(255), batch int)",
    "create table customers (id bigint unsigned auto_increment primary key, email varchar(255))",
    "create table orders (id bigint unsigned auto_increment primary key, total decimal(10, 2))",
    "insert into orders (total) values (12.50)",
  ],
  "Rails'": [
    "create table schema_migrations (version varchar(255) not null primary key)",
    "insert into schema_migrations values ('20260101120000')",
    "create table orders (id bigint auto_increment primary key)",
  ],
};

for (const [whose, statements] of Object.entries(others)) {
  Deno.test(`migrate() refuses a database with ${whose} tables, names them, and changes nothing`, async () => {
    const test = await testContext("foreign_tables");
    const connection = await mysql.createConnection(connectionOptions(test.databaseUrl));
    const tables = async () => {
      const [rows] = await connection.query("show tables");
      return (rows as Record<string, string>[]).map((row) => Object.values(row)[0]!);
    };
    try {
      for (const sql of statements) await connection.query(sql);
      const before = await tables();
      await assert.rejects(migrate(test.databaseUrl), (error: unknown) => {
        assert.ok(error instanceof EngineFault);
        for (const name of before) assert.match(error.why, new RegExp(`\\b${name}\\b`));
        assert.match(error.remedy, /DATABASE_URL/);
        return true;
      });
      const { code, out } = await run({
        DATABASE_URL: test.databaseUrl,
        REDIS_URL: test.redisUrl,
        REDIS_PREFIX: test.redisPrefix,
      }, "doctor");
      assert.equal(code, 1);
      assert.match(out, /database tables.*another application: [a-z_, ]*\borders\b/s);
      assert.deepEqual(await tables(), before);
    } finally {
      await connection.end();
      await test.close();
    }
  });
}

Deno.test("migrate() does not mind tables that came after its own", async () => {
  const test = await testContext("foreign_tables");
  const connection = await mysql.createConnection(connectionOptions(test.databaseUrl));
  try {
    await migrate(test.databaseUrl);
    await connection.query("create table reports (id int primary key)");
    await connection.query("delete from schema_migrations where version = 35");
    const { applied } = await migrate(test.databaseUrl);
    assert.deepEqual(applied, ["0035_processes"]);
  } finally {
    await connection.end();
    await test.close();
  }
});

Deno.test("readForeignTables() takes no table for another's that a process of ours makes at this moment", async () => {
  const test = await testContext("foreign_at_once");
  const db = await openDatabase(test.databaseUrl, { connections: 1 });
  try {
    let asked = 0;
    const query = async (sql: string) => {
      // Between the first question and the second.
      if (asked++ === 1) await migrate(test.databaseUrl);
      return await db.query(sql);
    };
    assert.deepEqual(await readForeignTables({ query }), []);
    assert.deepEqual(await readForeignTables(db), []);
  } finally {
    await db.close();
    await test.close();
  }
});
