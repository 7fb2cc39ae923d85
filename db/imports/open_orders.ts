/**
 * Orders that a file says are over, and that are not over here.
 *
 * @module
 */

import type { Queryable } from "../connection/database.ts";

/** How orders stand that are neither settled nor cancelled, by their external ids; without all others. */
export async function readOpenOrders(
  db: Queryable,
  externalIds: readonly string[],
): Promise<Map<string, "PENDING" | "RESERVED">> {
  if (externalIds.length === 0) return new Map();
  const rows = await db.query(
    `select external_order_id, status from orders
    where external_order_id in (?) and status in ('PENDING', 'RESERVED')`,
    [[...externalIds]],
  );
  return new Map(
    rows.map((row) => [String(row.external_order_id), row.status as "PENDING" | "RESERVED"]),
  );
}
