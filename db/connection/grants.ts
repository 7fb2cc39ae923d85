/**
 * What the user of a connection may do.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { isDenied } from "../../domain/operation/engine_fault.ts";
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

/**
 * Writes into an error of a right that is missing who lacks it, as the server knows the user and as GRANT wants it,
 * `'name'@'host'`, and in which database. Of a connection that can't say so any more nothing is written.
 */
export async function noteAccount(connection: mysql.Connection, error: unknown): Promise<void> {
  if (!isDenied(error)) return;
  const answer = await connection.query(accountQuery).catch(() => undefined);
  const [row] = (answer?.[0] ?? []) as Row[];
  if (row === undefined) return;
  error.account = quotedAccount(row);
  error.database = String(row.name);
}

const accountQuery = "select current_user() as account, database() as name";

function quotedAccount(row: Row | undefined): string {
  const account = String(row?.account);
  const at = account.lastIndexOf("@");
  return `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
}
