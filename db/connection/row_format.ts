/**
 * Has tables made with rows whose long texts can be indexed, also where a server makes others unless it is told.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import type { Row } from "./queryable.ts";

/** The first migration that a server with short indexes refuses: what stands before it was made with its rows. */
const firstRefused = 3;

/**
 * Looks at how a server makes tables. `innodb_default_row_format` may be COMPACT or REDUNDANT, whose indexes end at 767 bytes,
 * and no session can change that; each statement can. Tables that were made so before the first refusal are made
 * anew, which takes no time: no order was ever in them.
 *
 * @param isApplied whether a migration is
 * @returns what makes of a statement one whose table is as it is meant
 */
export async function dynamicRows(
  connection: mysql.Connection,
  isApplied: (version: number) => boolean,
): Promise<(sql: string) => string> {
  const [rows] = await connection.query("select @@innodb_default_row_format as format");
  if (/^dynamic$/i.test(String((rows as Row[])[0]?.format))) return (sql) => sql;
  if (!isApplied(firstRefused)) await makeDynamic(connection);
  return (sql) =>
    /^create table\b/.test(sql)
      ? sql.replace(/\bengine = innodb\b/, "engine = innodb row_format = dynamic")
      : sql;
}

async function makeDynamic(connection: mysql.Connection): Promise<void> {
  const [tables] = await connection.query(`
    select table_name as name
    from information_schema.tables
    where table_schema = database() and table_type = 'BASE TABLE' and row_format <> 'Dynamic'`);
  for (const { name } of tables as Row[]) {
    await connection.query("alter table ?? row_format = dynamic", [String(name)]);
  }
}
