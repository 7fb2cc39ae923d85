/**
 * Payments in dispute, for tests.
 *
 * @module
 */

import type { Queryable } from "../db/connection/database.ts";
import { sumDisputes } from "../db/payments/payment_disputes.ts";

/** How many payments wait for a decision. */
export async function countDisputes(db: Queryable): Promise<number> {
  return (await sumDisputes(db)).reduce((sum, { count }) => sum + count, 0);
}
