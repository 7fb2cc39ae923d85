/**
 * From which number on tables number their next rows.
 *
 * @module
 */

import type { Database } from "../connection/database.ts";

/** A database is told to wait no longer than this, in seconds, for statements that use a table. */
const maxTableWaitSeconds = 5;

/**
 * Has tables give their next rows numbers above the given ones. Changes the tables' counters and no row.
 *
 * @throws where the user may not alter tables, or one is in use for longer than five seconds
 */
export async function raiseCounters(
  db: Database,
  floors: ReadonlyMap<string, number>,
): Promise<void> {
  await db.transaction(async (connection) => {
    await connection.runText("set session lock_wait_timeout = ?", [maxTableWaitSeconds]);
    try {
      for (const [table, floor] of floors) {
        await connection.runText(`alter table ?? auto_increment = ${floor + 1}`, [table]);
      }
    } finally {
      await connection.runText("set session lock_wait_timeout = default");
    }
  });
}
