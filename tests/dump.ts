/**
 * Dumps of a database and going back to them, as `mysqldump --single-transaction` and its restoring do.
 *
 * @module
 */

import mysql from "mysql2/promise";

/** Rows of every table, as of one moment. */
export type Dump = Map<string, { columns: string[]; rows: unknown[][] }>;

async function connect(url: string): Promise<mysql.Connection> {
  const connection = await mysql.createConnection({
    uri: url,
    dateStrings: true,
    supportBigNumbers: true,
    jsonStrings: true,
    charset: "utf8mb4_unicode_ci",
  });
  await connection.query("set time_zone = '+00:00', foreign_key_checks = 0");
  return connection;
}

/** Takes a dump while everything goes on. */
export async function takeDump(url: string): Promise<Dump> {
  const connection = await connect(url);
  try {
    await connection.query("set session transaction isolation level repeatable read");
    await connection.query("start transaction with consistent snapshot");
    const [described] = await connection.query(`
      select table_name as of_table, column_name as name
      from information_schema.columns
      where table_schema = database() and coalesce(generation_expression, '') = ''
      order by table_name, ordinal_position`);
    const dump: Dump = new Map();
    const columnsOf = Map.groupBy(described as Record<string, string>[], (row) => row.of_table!);
    for (const [table, named] of columnsOf) {
      const columns = named.map(({ name }) => name!);
      const [rows] = await connection.query({
        sql: `select ${columns.map((name) => `\`${name}\``).join(", ")} from \`${table}\``,
        rowsAsArray: true,
      });
      dump.set(table, { columns, rows: rows as unknown[][] });
    }
    return dump;
  } finally {
    await connection.end();
  }
}

/** Takes the database back to a dump; whatever came after it is gone, and its ids are free again. */
export async function restoreDump(url: string, dump: Dump): Promise<void> {
  const connection = await connect(url);
  try {
    for (const [table, { columns, rows }] of dump) {
      await connection.query(`truncate table \`${table}\``);
      for (let from = 0; from < rows.length; from += 500) {
        await connection.query(
          `insert into \`${table}\` (${columns.map((name) => `\`${name}\``).join(", ")}) values ?`,
          [rows.slice(from, from + 500)],
        );
      }
    }
  } finally {
    await connection.end();
  }
}
