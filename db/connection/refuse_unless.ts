/**
 * Has the server itself end what must not be committed: a statement that fails unless something is true, so that a commit which
 * goes to the server in one packet with it is not run either.
 *
 * @module
 */

import type { Queryable, Value } from "./queryable.ts";

/** ER_SUBQUERY_NO_1_ROW: every server says it, of a subquery that is only looked at where the condition is false. */
const refused = 1242;

/**
 * Fails unless a condition is true, at this moment and in this transaction.
 *
 * @param condition SQL
 * @throws the database's error, see {@linkcode isRefused}
 */
export async function refuseUnless(
  tx: Queryable,
  condition: string,
  values: (Value | Value[])[],
): Promise<void> {
  await tx.query(`select if(${condition}, 1, (select 1 union all select 2)) as is_so`, values);
}

/** True for what {@linkcode refuseUnless} throws. */
export function isRefused(error: unknown): boolean {
  return (error as { errno?: number } | null)?.errno === refused;
}
