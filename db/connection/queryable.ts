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
  /**
   * Of a transaction: notes the id of a step that it adds to the timelines, or the first of many.
   */
  noteStep?(id: number): void;
  /**
   * Of a transaction: says that the next statements, so many, are the last, and that nothing is decided by their answers: the commit
   * goes to the server with them, where they are short. Only for work that may be repeated, and only once all before are answered:
   * had another failed before these were sent, the commit would go without it. They have to be asked for at once.
   *
   * @param count 1 where it is not said
   */
  asksLast?(count?: number): void;
  /** Of the pool: the highest step noted by a transaction of this process that was committed, 0 for none. */
  lastStep?(): number;
  /**
   * Of the pool: forgets the step above, and has every connection looked at again before it is used, where somebody looks:
   * behind the address another database may stand by now.
   */
  lookAgain?(): void;
}

/** A statement as it is sent. */
export interface SentStatement {
  sql: string;
  values: (Value | Value[])[];
  /** Whether it is prepared where it goes alone. */
  isPrepared: boolean;
}

/** Sends statements on one connection, and gives what the driver gives. */
export type Send = (asked: SentStatement) => Promise<unknown>;

/** What runs the statements that are sent by `send`. */
export function queryable(send: Send, engine: EngineKind): Queryable {
  const changed = (result: unknown) => {
    const header = result as mysql.ResultSetHeader;
    return { affectedRows: header.affectedRows, insertId: header.insertId };
  };
  const text = (sql: string, values: (Value | Value[])[]) =>
    send({ sql, values, isPrepared: false });
  const prepared = (sql: string, values: Value[]) => send({ sql, values, isPrepared: true });
  return {
    engine,
    query: async (sql, values = []) => await text(sql, values) as Row[],
    execute: async (sql, values = []) => await prepared(sql, values) as Row[],
    run: async (sql, values = []) => changed(await prepared(sql, values)),
    runText: async (sql, values = []) => changed(await text(sql, values)),
  };
}
