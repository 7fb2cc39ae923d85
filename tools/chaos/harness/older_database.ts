/**
 * Keeps what a database holds at one moment, and puts it back later: as restoring a dump does, or another server
 * that lacks the last commits.
 *
 * @module
 */

import mysql from "mysql2/promise";
import { connectionOptions } from "../../../db/connection/connection.ts";

/** What a database held at one moment. */
export interface KeptDatabase {
  /**
   * Puts it back. Nobody sees anything half done: other connections are cut in the middle, unless `cut` is false,
   * and what they ask meanwhile waits.
   */
  putBack(options?: { cut?: boolean }): Promise<void>;
}

/** Rows to a statement. */
const rowsPerInsert = 500;

interface KeptTable {
  name: string;
  columns: string[];
  rows: unknown[][];
}

/** Reads all tables at one moment, however busy the database is. */
export async function keepDatabase(databaseUrl: string): Promise<KeptDatabase> {
  const connection = await connect(databaseUrl);
  const tables: KeptTable[] = [];
  try {
    const [columns] = await connection.query(`
      select table_name as name, column_name as col
      from information_schema.columns
      where table_schema = database() and coalesce(generation_expression, '') = ''
        and table_name <> 'schema_migrations'
      order by table_name, ordinal_position`);
    const byTable = Map.groupBy(columns as Record<string, string>[], ({ name }) => name!);
    await connection.query("set session transaction isolation level repeatable read");
    await connection.query("start transaction with consistent snapshot");
    for (const [name, own] of byTable) {
      const names = own.map(({ col }) => col!);
      const [rows] = await connection.query({
        sql: `select ${names.map((column) => `\`${column}\``).join(", ")} from \`${name}\``,
        rowsAsArray: true,
      });
      // The driver reads JSON, and gives binary columns as buffers.
      const kept = (rows as unknown as unknown[][]).map((row) =>
        row.map((value) =>
          value === null || typeof value !== "object" || value instanceof Uint8Array
            ? value
            : JSON.stringify(value)
        )
      );
      tables.push({ name, columns: names, rows: kept });
    }
  } finally {
    await connection.end();
  }
  return { putBack: ({ cut = true } = {}) => putBack(databaseUrl, tables, cut) };
}

async function putBack(
  databaseUrl: string,
  tables: readonly KeptTable[],
  cut: boolean,
): Promise<void> {
  const connection = await connect(databaseUrl);
  try {
    await connection.query("set foreign_key_checks = 0");
    await connection.query(`lock tables ${tables.map(({ name }) => `\`${name}\` write`).join()}`);
    if (cut) await cutOthers(connection);
    for (const { name, columns, rows } of tables) {
      await connection.query(`delete from \`${name}\``);
      for (let from = 0; from < rows.length; from += rowsPerInsert) {
        await connection.query(
          `insert into \`${name}\` (${columns.map((column) => `\`${column}\``).join()}) values ?`,
          [rows.slice(from, from + rowsPerInsert)],
        );
      }
      const [counter] = await connection.query(
        "select 1 from information_schema.columns where table_schema = database() " +
          "and table_name = ? and extra like '%auto_increment%'",
        [name],
      );
      // Back to where it was: the engine makes it one more than the highest number in use.
      if ((counter as unknown[]).length > 0) {
        await connection.query(`alter table \`${name}\` auto_increment = 1`);
      }
    }
    await connection.query("unlock tables");
  } finally {
    await connection.end();
  }
}

async function cutOthers(connection: mysql.Connection): Promise<void> {
  const [others] = await connection.query(
    "select id from information_schema.processlist where db = database() and id <> connection_id()",
  );
  for (const { id } of others as { id: number }[]) {
    // It may have ended by itself.
    await connection.query(`kill ${Number(id)}`).catch(() => {});
  }
}

function connect(databaseUrl: string): Promise<mysql.Connection> {
  return mysql.createConnection({ ...connectionOptions(databaseUrl), dateStrings: true });
}
