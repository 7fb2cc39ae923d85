/**
 * How many orders there are of each state and reason.
 *
 * @module
 */

import type { FailureReason, OrderStatus } from "../../domain/order/order.ts";
import { type Queryable, toInteger } from "../connection/database.ts";

/** Orders that are alike in how far they came. */
export interface OrderEnds {
  status: OrderStatus;
  /** Null unless they failed. */
  failureReason: FailureReason | null;
  orders: number;
}

/** Counts all orders, by looking at each: for a demonstration, not for books of years. */
export async function countOrderEnds(db: Queryable): Promise<OrderEnds[]> {
  const rows = await db.query(`
    select status, failure_reason, count(*) as orders
    from orders
    group by status, failure_reason
    order by orders desc, status, failure_reason`);
  return rows.map((row) => ({
    status: row.status as OrderStatus,
    failureReason: row.failure_reason as FailureReason | null,
    orders: toInteger(row.orders),
  }));
}

/** Whether there is an order at all. */
export async function findAnyOrder(db: Queryable): Promise<boolean> {
  return (await db.query("select 1 from orders limit 1")).length > 0;
}
