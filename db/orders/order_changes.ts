/**
 * Which orders have changed, in an order that never changes itself: that of the steps of all timelines.
 *
 * Every change of an order adds a step to its timeline in the same transaction. Their ids go up, but transactions end in
 * another order than they took ids: whoever had read up to the highest id would never see a step that was written before
 * and committed after. So steps are read with a shared lock, which waits for the transactions that have written among
 * them, and only up to the first that is younger than {@linkcode settledMs}: an id that is lower and not there yet was
 * taken by a statement that had not written its row in all that time. A clock is asked for nothing else.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";
import { withArchivedSteps } from "../archive/archived_steps.ts";

/**
 * How old a step must be to be read, in milliseconds. Between taking an id and writing the row, which the lock waits for,
 * a statement does nothing that waits.
 */
export const settledMs = 2_000;

/** A step of a timeline. */
export interface OrderChange {
  /** Of the step. */
  id: number;
  orderId: number;
  /** Whether it was taken at the time that was asked for, or later. */
  isSince: boolean;
}

/**
 * The next steps of all timelines, in their order, as far as nothing can come in between any more. Waits for
 * transactions that write some of them, as long as for any lock.
 *
 * @param options.afterId only steps above it
 * @param options.since UTC
 * @param options.limit most steps
 */
export async function readOrderChanges(
  db: Queryable,
  { afterId, since, limit }: { afterId: number; since: string; limit: number },
): Promise<OrderChange[]> {
  const rows = await db.query(
    `
    select id, order_id, created_at >= ? as is_since,
      created_at < current_timestamp(6) - interval ${settledMs * 1_000} microsecond as is_settled
    from order_events force index (primary)
    where id > ?
    order by id
    limit ?
    lock in share mode`,
    [since, afterId, limit],
  );
  const changes = await withArchivedSteps(db, rows, {
    afterId,
    limit,
    columns: "id, order_id, created_at >= ? as is_since",
    values: [since],
  });
  return changes.map((row) => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    isSince: toInteger(row.is_since) === 1,
  }));
}

/** How much longer than this no statement takes: so far the times of steps may go back while their ids go up, in seconds. */
const disorderSeconds = 120;

/**
 * Where to begin to read in order to miss no step since a time: the steps before have taken place before it. Steps
 * have no index by time, so the place is found by halving.
 *
 * @param since UTC
 * @param table whose steps are meant: those of orders, or the movements of products
 * @returns an id after which to read; 0 for the beginning
 */
export async function findStepBefore(
  db: Queryable,
  since: string,
  table: "order_events" | "stock_movements" = "order_events",
): Promise<number> {
  const [top] = await db.execute(`select coalesce(max(id), 0) as id from ${table}`);
  let low = 0;
  let high = toInteger(top!.id);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [next] = await db.execute(
      `
      select id, created_at < cast(? as datetime(6)) - interval ${disorderSeconds} second as is_before
      from ${table}
      where id > ?
      order by id
      limit 1`,
      [since, middle],
    );
    if (next !== undefined && toInteger(next.is_before) === 1) low = toInteger(next.id);
    else high = middle;
  }
  return low;
}
