/**
 * How long orders took from their arrival to their end.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** Milliseconds of each settled order of the ids, in no particular order. */
export async function readSettleTimes(db: Queryable, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const rows = await db.query(
    `
    select timestampdiff(microsecond, created_at, settled_at) as microseconds
    from orders
    where id in (?) and settled_at is not null`,
    [[...ids]],
  );
  return rows.map((row) => Math.max(0, toInteger(row.microseconds)) / 1_000);
}
