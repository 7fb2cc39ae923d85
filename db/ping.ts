/**
 * Asks the database for a sign of life.
 *
 * @module
 */

import type { Queryable } from "./database.ts";

/** Resolves if the database answers; may hang as long as the server does. */
export async function pingDatabase(db: Queryable): Promise<void> {
  await db.query("select 1");
}
