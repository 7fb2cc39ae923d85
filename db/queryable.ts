/**
 * What runs statements, and what they take and give.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import type { EngineKind } from "./connection.ts";

/** A row as the driver gives it: DECIMAL as text, BIGINT as a number while that is exact, else text. */
export type Row = Record<string, string | number | null | Uint8Array>;

/** What a statement takes for its `?`. */
export type Value = string | number | null | Uint8Array;

/** Something that runs statements: the pool (each on a connection of its own) or a transaction. */
export interface Queryable {
  /** Rows of a statement that is sent as text: for statements of changing shape, such as `in (?)`. */
  query(sql: string, values?: (Value | Value[])[]): Promise<Row[]>;
  /** Rows of a prepared statement: for statements of one fixed shape. */
  execute(sql: string, values?: Value[]): Promise<Row[]>;
  /** Changed rows of a prepared statement: for an UPDATE the rows it matched. */
  run(sql: string, values?: Value[]): Promise<{ affectedRows: number; insertId: number }>;
  /** The same for a statement that is sent as text. */
  runText(
    sql: string,
    values?: (Value | Value[])[],
  ): Promise<{ affectedRows: number; insertId: number }>;
  /** Which engine answers; statements that differ are chosen by it, here in db/ only. */
  engine: EngineKind;
}

/**
 * Runs statements on one connection.
 *
 * @param timeout milliseconds after which a statement that is not answered has failed
 */
export function queryable(
  connection: mysql.PoolConnection,
  engine: EngineKind,
  timeout: number,
): Queryable {
  const changed = (result: unknown) => {
    const header = result as mysql.ResultSetHeader;
    return { affectedRows: header.affectedRows, insertId: header.insertId };
  };
  return {
    engine,
    query: async (sql, values = []) =>
      (await connection.query({ sql, timeout }, values))[0] as Row[],
    execute: async (sql, values = []) =>
      (await connection.execute({ sql, timeout }, values))[0] as Row[],
    run: async (sql, values = []) =>
      changed((await connection.execute({ sql, timeout }, values))[0]),
    runText: async (sql, values = []) =>
      changed((await connection.query({ sql, timeout }, values))[0]),
  };
}
