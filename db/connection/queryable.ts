/**
 * What runs statements, and what they take and give.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import type { EngineKind } from "./connection.ts";
import { isUnprepared } from "./faults.ts";

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
  /**
   * Of a transaction: notes the id of a step that it adds to the timelines, or the first of many.
   */
  noteStep?(id: number): void;
  /** Of the pool: the highest step noted by a transaction of this process that was committed, 0 for none. */
  lastStep?(): number;
}

/** Whether statements are prepared; shared by the connections of a pool. */
export interface Preparation {
  /** True while statements go as text, because the server could not prepare one lately. */
  isOff(): boolean;
  /** Is told that the server could not. */
  turnOff(): void;
}

/** How long statements go as text after one that could not be prepared, in milliseconds. */
const textMs = 60_000;

/** Statements are prepared until the server has no room for one: every client shares its limit. */
export function preparation(now: () => number = () => performance.now()): Preparation {
  let offUntil = -Infinity;
  return { isOff: () => now() < offUntil, turnOff: () => offUntil = now() + textMs };
}

/**
 * Runs statements on one connection. One that can't be prepared was not run, and is sent as text.
 *
 * @param timeout milliseconds after which a statement that is not answered has failed
 */
export function queryable(
  connection: mysql.PoolConnection,
  engine: EngineKind,
  timeout: number,
  prepared: Preparation,
): Queryable {
  const changed = (result: unknown) => {
    const header = result as mysql.ResultSetHeader;
    return { affectedRows: header.affectedRows, insertId: header.insertId };
  };
  const text = async (sql: string, values: (Value | Value[])[]): Promise<unknown> =>
    (await connection.query({ sql, timeout }, values))[0];
  const execute = async (sql: string, values: Value[]): Promise<unknown> => {
    if (prepared.isOff()) return await text(sql, values);
    try {
      return (await connection.execute({ sql, timeout }, values))[0];
    } catch (error) {
      if (!isUnprepared(error)) throw error;
      prepared.turnOff();
      return await text(sql, values);
    }
  };
  return {
    engine,
    query: async (sql, values = []) => await text(sql, values) as Row[],
    execute: async (sql, values = []) => await execute(sql, values) as Row[],
    run: async (sql, values = []) => changed(await execute(sql, values)),
    runText: async (sql, values = []) => changed(await text(sql, values)),
  };
}
