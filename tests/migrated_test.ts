import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { migrate } from "../db/connection/migrate.ts";
import { migrateTest } from "./migrated.ts";
import { testContext } from "./support.ts";

/** The statement that makes each table, and the rows that it has; moments and the installation's own name are left out. */
async function contents(url: string): Promise<Record<string, unknown>> {
  const connection = await mysql.createConnection(url);
  try {
    const found: Record<string, unknown> = {};
    const [tables] = await connection.query({ sql: "show tables", rowsAsArray: true });
    for (const [table] of tables as string[][]) {
      const [made] = await connection.query({
        sql: `show create table ${table}`,
        rowsAsArray: true,
      });
      const [rows] = await connection.query(`select * from ${table}`);
      found[table!] = {
        // MySQL tells the character set of some columns although the collation says it.
        made: (made as string[][])[0]![1]!.replaceAll(" CHARACTER SET utf8mb4 COLLATE", " COLLATE"),
        rows: (rows as Record<string, unknown>[]).map((row) =>
          Object.entries(row).map(([column, value]) =>
            value instanceof Date
              ? "a moment"
              : column === "name" && table === "installation"
              ? String(value).length
              : value
          )
        ),
      };
    }
    return found;
  } finally {
    await connection.end();
  }
}

async function nameIn(url: string): Promise<string> {
  const connection = await mysql.createConnection(url);
  try {
    const [rows] = await connection.query("select name from installation");
    return String((rows as { name: string }[])[0]!.name);
  } finally {
    await connection.end();
  }
}

Deno.test("migrateTest() leaves what migrate() leaves, and every database has a name of its own", async () => {
  const tests = [];
  try {
    for (const way of [migrate, migrateTest, migrateTest]) {
      const test = await testContext("migrated");
      tests.push(test);
      await way(test.databaseUrl);
    }
    const [migrated, copied, another] = tests;
    assert.deepEqual(await contents(copied!.databaseUrl), await contents(migrated!.databaseUrl));
    assert.deepEqual((await migrate(copied!.databaseUrl)).applied, []);
    const names = await Promise.all(
      [migrated!, copied!, another!].map((test) => nameIn(test.databaseUrl)),
    );
    assert.equal(new Set(names).size, 3);
  } finally {
    for (const test of tests) await test.close();
  }
});
