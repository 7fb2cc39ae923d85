/**
 * A database that writes down which statements it is sent, and how many rows each walks through.
 *
 * @module
 */

import type { Database, Queryable, Row, Value } from "../../../db/connection/database.ts";

/** A statement as it was sent. */
export interface SentStatement {
  /** What the test was doing. */
  label: string;
  sql: string;
  values: (Value | Value[])[];
  /** Rows that were read one after the other, in a table's own order or in that of an index. */
  walked: number;
}

/** See {@linkcode observeDatabase}. */
export interface ObservedDatabase {
  /** Does what the real one does. */
  db: Database;
  sent: SentStatement[];
  /** Says what the statements that follow belong to. */
  label: (text: string) => void;
}

/**
 * Watches a database. The engine counts rows by connection, so a statement outside of a transaction runs in
 * one of its own here.
 */
export function observeDatabase(real: Database): ObservedDatabase {
  const sent: SentStatement[] = [];
  let label = "";

  const observe = (tx: Queryable): Queryable => {
    const watched = <T>(
      run: (sql: string, values?: never) => Promise<T>,
    ): (sql: string, values?: (Value | Value[])[]) => Promise<T> =>
    async (sql, values = []) => {
      // Reading the counter counts too, always alike.
      const first = await walkedSoFar(tx);
      const before = await walkedSoFar(tx);
      const result = await run(sql, values as never);
      const walked = await walkedSoFar(tx) - before - (before - first);
      sent.push({ label, sql, values, walked });
      return result;
    };
    return {
      engine: tx.engine,
      query: watched<Row[]>(tx.query),
      execute: watched<Row[]>(tx.execute),
      run: watched(tx.run),
      runText: watched(tx.runText),
    };
  };

  const transaction: Database["transaction"] = async (work, options) => {
    await openTables(real);
    return await real.transaction((tx) => work(observe(tx)), options);
  };
  const alone = <T>(run: (tx: Queryable) => Promise<T>) => transaction(run);
  return {
    sent,
    label: (text) => label = text,
    db: {
      ...real,
      query: (sql, values) => alone((tx) => tx.query(sql, values)),
      execute: (sql, values) => alone((tx) => tx.execute(sql, values)),
      run: (sql, values) => alone((tx) => tx.run(sql, values)),
      runText: (sql, values) => alone((tx) => tx.runText(sql, values)),
      together: (read) => alone(read),
      transaction,
    },
  };
}

/** Databases all of whose tables are open. */
const opened = new WeakSet<Database>();

/**
 * Has the engine open all tables: MySQL reads what it knows of a table from tables of its own where one is used for the first time,
 * and counts their rows as if the statement walked through them.
 */
async function openTables(db: Database): Promise<void> {
  if (opened.has(db)) return;
  for (const row of await db.query("show tables")) {
    await db.query(`select 1 from ${Object.values(row)[0]} limit 0`);
  }
  opened.add(db);
}

async function walkedSoFar(tx: Queryable): Promise<number> {
  const rows = await tx.query(`
    show session status
    where variable_name in ('Handler_read_rnd_next', 'Handler_read_next', 'Handler_read_prev')`);
  return rows.reduce((sum, row) => sum + Number(row.Value), 0);
}
