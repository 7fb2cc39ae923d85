/**
 * Orders that a file says are over, and that are not over here.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** An order that is neither settled nor cancelled. */
export interface KnownOpenOrder {
  id: number;
  status: "PENDING" | "RESERVED";
}

/** The orders of some external ids that are neither settled nor cancelled. */
export async function readOpenOrders(
  db: Queryable,
  externalIds: readonly string[],
): Promise<Map<string, KnownOpenOrder>> {
  if (externalIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select id, external_order_id, status
    from orders
    where external_order_id in (?) and status in ('PENDING', 'RESERVED')`,
    [[...externalIds]],
  );
  return new Map(rows.map((row) => [String(row.external_order_id), {
    id: toInteger(row.id),
    status: row.status as KnownOpenOrder["status"],
  }]));
}
