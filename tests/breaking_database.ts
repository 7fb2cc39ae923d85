/**
 * A database whose transactions break off.
 *
 * @module
 */

import type { Database, Queryable } from "../db/connection/database.ts";

/** A database whose transactions break off at their n-th statement. */
export function breaking(db: Database, at: number): { db: Database; broke: () => boolean } {
  let left = at, broke = false;
  const count = () => {
    if (--left === 0) {
      broke = true;
      throw new Error("crash");
    }
  };
  const counted = (tx: Queryable): Queryable => ({
    ...tx,
    query: (...args) => (count(), tx.query(...args)),
    execute: (...args) => (count(), tx.execute(...args)),
    run: (...args) => (count(), tx.run(...args)),
    runText: (...args) => (count(), tx.runText(...args)),
  });
  return {
    db: {
      ...db,
      transaction: (work, options) => db.transaction((tx) => work(counted(tx)), options),
    },
    broke: () => broke,
  };
}
