/**
 * Tables in a database that somebody else has made.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { EngineFault } from "../../domain/operation/engine_fault.ts";
import { describeTables } from "../../domain/operation/foreign_tables.ts";
import type { Queryable, Row } from "./queryable.ts";

/**
 * The tables of a database that never was this product's. Many applications have `orders` and `customers`, which
 * `CREATE TABLE IF NOT EXISTS` would take for ours, and some a table `schema_migrations` of their own.
 *
 * @returns by name; none where the product's own list of migrations is there, whatever there is besides
 */
export async function readForeignTables(db: Pick<Queryable, "query">): Promise<string[]> {
  // The tables first: another process may be making ours meanwhile, whose list is the first of them.
  const tables = await db.query(`
    select table_name as name
    from information_schema.tables
    where table_schema = database()
    order by table_name`);
  if (tables.length === 0) return [];
  const columns = await db.query(`
    select lower(column_name) as name, lower(data_type) as type
    from information_schema.columns
    where table_schema = database() and table_name = 'schema_migrations'`);
  const has = (name: string, type: string) =>
    columns.some((column) => column.name === name && column.type === type);
  if (has("version", "int") && has("name", "varchar") && has("created_at", "datetime")) return [];
  return tables.map(({ name }) => String(name));
}

/** @throws {EngineFault} naming the tables of somebody else */
export async function refuseForeignTables(connection: mysql.Connection): Promise<void> {
  const query = async (sql: string) => (await connection.query(sql))[0] as Row[];
  const words = describeTables(await readForeignTables({ query }));
  if (words !== undefined) throw new EngineFault("Cannot migrate", words);
}
