/**
 * Reservations that should have ended.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** So many are enough to know. */
const maxCounted = 1_000;

/**
 * Orders that have been `RESERVED` for longer than so many seconds, up to a thousand; found by the index of
 * unfinished orders. Those whose payment is in dispute wait for a person, and those whose money is
 * held for their capture, until its time is over; they are not counted.
 */
export async function countOverdueReservations(
  db: Queryable,
  olderThanSeconds: number,
): Promise<number> {
  const rows = await db.execute(
    `
    select count(*) as overdue
    from (
      select id
      from orders
      where unfinished = 1 and status = 'RESERVED'
        and reserved_at < current_timestamp(6) - interval ? second
        and not exists (select 1 from payment_disputes where payment_disputes.order_id = orders.id)
        and not exists (
          select 1 from payment_holds
          where payment_holds.order_id = orders.id and payment_holds.status = 'HELD'
            and payment_holds.expires_at > current_timestamp(6))
      limit ${maxCounted}
    ) found`,
    [olderThanSeconds],
  );
  return toInteger(rows[0]?.overdue);
}
