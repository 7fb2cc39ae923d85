/**
 * Orders that failed, by their reasons.
 *
 * @module
 */

import type { FailureReason } from "../../domain/order/order.ts";
import { type Queryable, toBigInteger, toInteger } from "../connection/database.ts";

/** What failed for one reason, in one currency. */
export interface FailureSum {
  /** Null where nobody knows it any more. */
  reason: FailureReason | null;
  currency: string;
  orders: number;
  /** What they would have come to; a sum, so it may be larger than a number holds. */
  cents: bigint;
}

/** What failed in a period, as far as it was looked for. */
export interface Failures {
  sums: FailureSum[];
  /** Only orders of this id and above were looked at; 1 for all. */
  lowestId: number;
}

/**
 * Ids that are walked through at the most: there is no index on status or time, which every order would pay for, and
 * what failed lately came in lately.
 */
const maxWalked = 200_000;

/**
 * Sums up what failed in a period, the costliest reason first.
 *
 * @param from when the first of them was settled, UTC, `YYYY-MM-DD HH:MM:SS`
 * @param before when they were settled before
 */
export async function sumFailures(
  db: Queryable,
  { from, before }: { from: string; before: string },
  walked = maxWalked,
): Promise<Failures> {
  const [highest] = await db.execute("select max(id) as id from orders");
  if (highest === undefined || highest.id === null) return { sums: [], lowestId: 1 };
  const lowestId = Math.max(1, toInteger(highest.id) + 1 - walked);
  const rows = await db.query(
    `
    select failure_reason, currency, count(*) as n, sum(total_cents) as cents
    from orders force index (primary)
    where id >= ? and status = 'FAILED' and settled_time >= ? and settled_time < ?
    group by failure_reason, currency
    order by cents desc`,
    [lowestId, from, before],
  );
  return {
    lowestId,
    sums: rows.map((row) => ({
      reason: row.failure_reason as FailureReason | null,
      currency: String(row.currency),
      orders: toInteger(row.n),
      cents: toBigInteger(row.cents),
    })),
  };
}
