/**
 * A database in whose transactions somebody else comes in between.
 *
 * @module
 */

import type { Database, Queryable } from "../db/connection/database.ts";

/**
 * The same database; right before the first statement of a transaction that fits, something else happens.
 *
 * @param act by other connections
 */
export function meddled(real: Database, before: RegExp, act: () => Promise<unknown>): Database {
  let isDone = false;
  const watched = (tx: Queryable): Queryable => {
    const first =
      <A extends [string, ...unknown[]], T>(run: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        if (!isDone && before.test(args[0])) {
          isDone = true;
          await act();
        }
        return await run(...args);
      };
    return {
      ...tx,
      query: first(tx.query),
      execute: first(tx.execute),
      run: first(tx.run),
      runText: first(tx.runText),
    };
  };
  return {
    ...real,
    transaction: (work, options) => real.transaction((tx) => work(watched(tx)), options),
  };
}
