/**
 * Tables in a database that somebody else has made.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { EngineFault } from "../../domain/operation/engine_fault.ts";
import { describeTables } from "../../domain/operation/foreign_tables.ts";
import type { Row } from "./queryable.ts";

/**
 * The tables of a database that never was this product's. Many applications have `orders` and `customers`, which
 * `CREATE TABLE IF NOT EXISTS` would take for ours, and some a table `schema_migrations` of their own.
 *
 * @returns by name; none where the product's own list of migrations is there, whatever there is besides
 */
export async function foreignTables(
  connection: Pick<mysql.Connection, "query">,
): Promise<string[]> {
  const [columns] = await connection.query(`
    select lower(column_name) as name, lower(data_type) as type
    from information_schema.columns
    where table_schema = database() and table_name = 'schema_migrations'`);
  const has = (name: string, type: string) =>
    (columns as Row[]).some((column) => column.name === name && column.type === type);
  if (has("version", "int") && has("name", "varchar") && has("created_at", "datetime")) return [];
  const [tables] = await connection.query(`
    select table_name as name
    from information_schema.tables
    where table_schema = database()
    order by table_name`);
  return (tables as Row[]).map(({ name }) => String(name));
}

/** @throws {EngineFault} naming the tables of somebody else */
export async function refuseForeignTables(connection: mysql.Connection): Promise<void> {
  const words = describeTables(await foreignTables(connection));
  if (words !== undefined) throw new EngineFault("Cannot migrate", words);
}
