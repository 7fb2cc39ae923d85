/**
 * What of a report waits to be booked until somebody else has approved it.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { sumConversionsToBook } from "../../db/ledger/provider_conversions.ts";
import { type SumToBook, sumToBook } from "../../db/reconciliation/reconciled_days.ts";
import { type ReportToBook, toBookText } from "../../db/reconciliation/reconciliations.ts";
import { listWaitingReports, noteToBook } from "../../db/reconciliation/report_approvals.ts";

/** What a report books, by currency. */
export async function reportToBook(db: Queryable, id: number): Promise<ReportToBook> {
  const sums = await sumToBook(db, id);
  const of = (column: Exclude<keyof SumToBook, "currency">) =>
    Object.fromEntries(
      sums.flatMap((sum) => sum[column] === null ? [] : [[sum.currency, sum[column]]]),
    );
  return {
    fees: of("feesCents"),
    payouts: of("payoutsCents"),
    reserves: of("reservesCents"),
    adjustments: of("adjustmentsCents"),
    conversions: Object.fromEntries(
      (await sumConversionsToBook(db, id)).map((sum) => [sum.currency, sum.amountCents]),
    ),
  };
}

/**
 * Adds up anew what waits of a provider's finished reports, because lines of one may have become another's. Where it is something
 * else, the report counts as finished just now, so that nobody approves what they have not seen.
 */
export async function addUpWaiting(db: Database, provider: string): Promise<void> {
  for (const { id } of await listWaitingReports(db, provider)) {
    await db.transaction(async (tx) => {
      const [row] = await listWaitingReports(tx, provider, { id });
      if (row === undefined) return;
      const text = toBookText(await reportToBook(tx, id));
      if (text !== row.toBook || !row.isFinished) await noteToBook(tx, id, text);
    });
  }
}
