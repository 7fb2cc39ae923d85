/**
 * What orders had failed as when they were taken up again.
 *
 * @module
 */

import type { OrderRetry } from "../../domain/kpi/kpi.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";

const columns = "id, order_id, previous_id, customer_id, currency, total_cents, failed_at";

/** Every time that orders were taken up again, the first of each order first. */
export async function readRetries(
  db: Queryable,
  orderIds: readonly number[],
): Promise<OrderRetry[]> {
  if (orderIds.length === 0) return [];
  const rows = await db.query(
    `
    select ${columns}
    from order_retries force index (order_retries_once)
    where order_id in (?)
    order by order_id, number`,
    [[...orderIds]],
  );
  return rows.map(toRetry);
}

/** A page of all of them, in the order of ids. */
export async function listRetries(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<OrderRetry[]> {
  const rows = await db.query(
    `
    select ${columns}
    from order_retries
    where id > ?
    order by id
    limit ?`,
    [afterId, limit],
  );
  return rows.map(toRetry);
}

/** The highest id in use, 0 where there is none. */
export async function highestRetryId(db: Queryable): Promise<number> {
  const [row] = await db.query("select coalesce(max(id), 0) as id from order_retries");
  return toInteger(row?.id);
}

/** A row of {@linkcode columns}. */
export function toRetry(row: Row): OrderRetry {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    previousId: row.previous_id === null ? null : toInteger(row.previous_id),
    customerId: toInteger(row.customer_id),
    currency: String(row.currency),
    totalCents: toInteger(row.total_cents),
    failedAt: String(row.failed_at),
  };
}
