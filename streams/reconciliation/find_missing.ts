/**
 * Finds money that is on record here and in none of a provider's reports.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import {
  type FoundDiscrepancy,
  insertDiscrepancies,
} from "../../db/reconciliation/found_discrepancies.ts";
import {
  type MissingMoney,
  missingMoney,
  type Span,
} from "../../db/reconciliation/missing_money.ts";
import { type CoveredDay, readCoveredDays } from "../../db/reconciliation/reconciled_days.ts";
import { dueSpans } from "../../domain/reconciliation/due_spans.ts";
import { dayOf } from "../../domain/reconciliation/provider_line.ts";
import { foundDiscrepancy, missingIdentityOf } from "./found_discrepancy.ts";

/**
 * Writes down what is missing of the days that a report has made due: a day is once it and the days after it, in which
 * the provider may still tell of its money, are covered. What is known already stays as it is.
 *
 * @param reported what the report covers
 * @param require throws where the report is being taken back: what was found by its days counts no more then
 * @returns how many are new
 */
export async function findMissing(
  { db, provider, reconciliationId, reported, graceDays, require }: {
    db: Database;
    provider: string;
    reconciliationId: number;
    reported: Span;
    graceDays: number;
    require?: (tx: Queryable) => Promise<void>;
  },
): Promise<number> {
  const covered: CoveredDay[] = await readCoveredDays(db, provider);
  let count = 0;
  for (const span of dueSpans(covered, reported, graceDays)) {
    for await (const rows of missingMoney(db, provider, span)) {
      const found = rows.map((money) => discrepancyOf(money, { provider, reconciliationId }));
      count += await db.transaction(async (tx) => {
        await require?.(tx);
        return await insertDiscrepancies(tx, found);
      });
    }
  }
  return count;
}

function discrepancyOf(
  money: MissingMoney,
  { provider, reconciliationId }: { provider: string; reconciliationId: number },
): FoundDiscrepancy {
  const { movement, orderId, paymentId, refundId } = money;
  return foundDiscrepancy({
    reconciliationId,
    provider,
    kind: "missing_with_them",
    identity: missingIdentityOf(provider, money),
    day: dayOf(money.at),
    movement,
    orderId,
    paymentId,
    refundId,
    reference: money.reference,
    chargeRef: money.chargeRef,
    refundRef: money.refundRef,
    movementKey: money.key,
    ourCents: money.amountCents,
    ourCurrency: money.currency,
    ourTime: money.at,
  });
}
