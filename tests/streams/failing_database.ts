/**
 * A database that fails by what it is asked about.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";

/** A database that fails whoever locks certain orders. */
export function failingFor(
  db: Database,
  unlucky: ReadonlySet<number>,
  error = new Error("unlucky"),
): Database {
  const failing = (tx: Queryable): Queryable => ({
    engine: tx.engine,
    execute: tx.execute,
    run: tx.run,
    runText: tx.runText,
    query: (sql, values) => {
      const [ids] = (values ?? []) as unknown[];
      const isUnlucky = sql.includes("from orders") && sql.includes("for update") &&
        Array.isArray(ids) && ids.some((id) => unlucky.has(id));
      return isUnlucky ? Promise.reject(error) : tx.query(sql, values);
    },
  });
  return {
    ...db,
    transaction: (work, options) => db.transaction((tx) => work(failing(tx)), options),
  };
}
