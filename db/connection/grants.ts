/**
 * What the user of a connection may do.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import type { Queryable, Row } from "./queryable.ts";

/**
 * The user as the server knows it, `'name'@'host'`, the database, what the user was granted, as SHOW GRANTS tells it, and the
 * tables that it sees.
 */
export async function readGrants(
  db: Pick<Queryable, "query">,
): Promise<{ account: string; database: string; grants: string[]; tables: string[] }> {
  const [who] = await db.query(accountQuery);
  const rows = await db.query("show grants");
  const tables = await db.query("show tables");
  return {
    account: quotedAccount(who),
    database: String(who?.name),
    grants: rows.map(firstOf),
    tables: tables.map(firstOf),
  };
}

function firstOf(row: Row): string {
  return String(Object.values(row)[0]);
}

/** The user of a connection as the server knows it, `'name'@'host'`, as GRANT wants it. */
export async function readAccount(connection: mysql.Connection): Promise<string> {
  const [rows] = await connection.query(accountQuery);
  return quotedAccount((rows as Row[])[0]);
}

const accountQuery = "select current_user() as account, database() as name";

function quotedAccount(row: Row | undefined): string {
  const account = String(row?.account);
  const at = account.lastIndexOf("@");
  return `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
}
