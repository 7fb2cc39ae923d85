/**
 * Where ids are in use.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** A table whose ids are looked for. */
export type IdTable = "orders" | "refunds" | "order_retries" | "chargeback_movements";

/** The lowest id in use from one on; null where there is none. */
export async function nextId(
  db: Queryable,
  table: IdTable,
  from: number,
): Promise<number | null> {
  const [row] = await db.query(`select min(id) as id from ${table} where id >= ?`, [from]);
  return row === undefined || row.id === null ? null : toInteger(row.id);
}
