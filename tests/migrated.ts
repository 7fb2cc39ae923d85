/**
 * Databases with the schema of today, for tests that are not about migrations.
 *
 * @module
 */

import mysql from "mysql2/promise";
import { migrate } from "../db/connection/migrate.ts";

/** Migrated once in a run of the suite; all others get its tables. */
const template = "test_template";

/** Seconds in which another test file has made the template. */
const templateWaitSeconds = 120;

/** What every database is drawn a name of its own for: see migration 0013. */
const ownValues: Readonly<Record<string, string>> = {
  "installation.name": "sha2(concat_ws(' ', uuid(), rand(), rand(), database()), 256)",
};

let copying: Promise<string> | undefined;

/**
 * Brings an empty database to where `migrate` brings it. On the suite's own server it gets tables and rows of a template,
 * because every migration from the first on takes many times as long; elsewhere it is migrated.
 */
export async function migrateTest(url: string): Promise<void> {
  const suite = Deno.env.get("TEST_DATABASE_URL");
  if (suite === undefined || new URL(suite).host !== new URL(url).host) {
    await migrate(url);
    return;
  }
  copying ??= readCopying(suite);
  await withConnection(url, async (connection) => {
    await connection.query(await copying!);
  });
}

/** The statements that copy the template, which is made if nobody has yet. */
async function readCopying(suite: string): Promise<string> {
  const url = new URL(suite);
  url.pathname = `/${template}`;
  return await withConnection(suite, async (connection) => {
    await connection.query(`select get_lock('${template}', ${templateWaitSeconds})`);
    await migrate(url.href);
    await connection.query(`select release_lock('${template}')`);
    await connection.query(`use ${template}`);
    const tables = await readColumn(connection, "show tables");
    const statements = ["set foreign_key_checks = 0"];
    for (const table of tables) {
      const [[row]] = await connection.query(`show create table ${table}`) as unknown as [
        [Record<string, string>],
      ];
      statements.push(row["Create Table"]!);
    }
    for (const table of tables) {
      const [[{ n }]] = await connection.query(`select count(*) as n from ${table}`) as unknown as [
        [{ n: number }],
      ];
      if (Number(n) > 0) statements.push(await copyRows(connection, table));
    }
    return statements.join(";\n");
  });
}

async function copyRows(connection: mysql.Connection, table: string): Promise<string> {
  // What tells when a row came is left to its default: a copy's rows come with the copy.
  const columns = await readColumn(
    connection,
    `select column_name from information_schema.columns
    where table_schema = '${template}' and table_name = '${table}' and coalesce(generation_expression, '') = ''
      and coalesce(column_default, '') not like 'current_timestamp%'
    order by ordinal_position`,
  );
  const values = columns.map((column) => ownValues[`${table}.${column}`] ?? column);
  return `insert into ${table} (${columns.join(", ")})
    select ${values.join(", ")} from ${template}.${table}`;
}

async function readColumn(connection: mysql.Connection, sql: string): Promise<string[]> {
  const [rows] = await connection.query({ sql, rowsAsArray: true });
  return (rows as string[][]).map(([value]) => String(value));
}

async function withConnection<T>(
  url: string,
  work: (connection: mysql.Connection) => Promise<T>,
): Promise<T> {
  const connection = await mysql.createConnection({ uri: url, multipleStatements: true });
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}
