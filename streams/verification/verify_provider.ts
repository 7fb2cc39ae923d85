/**
 * The point of the proof that is about the providers' books.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  countOpenDiscrepancies,
  listDiscrepancies,
} from "../../db/reconciliation/discrepancies.ts";
import { countReconciledDays } from "../../db/reconciliation/reconciled_days.ts";
import { namedAmount } from "../../domain/money.ts";
import { addDrift, type Drifts, noDrifts } from "./drift.ts";

/** Discrepancies that are told in full. */
const told = 20;

/** Finds what is open of the days that were reconciled; all of it waits for a person. */
export async function verifyProvider(db: Queryable): Promise<{ days: number; drifts: Drifts }> {
  const drifts = noDrifts();
  const rows = await listDiscrepancies(db, {
    filter: { state: "open" },
    afterId: 0,
    limit: told,
  });
  for (const row of rows) {
    const { id, provider, day, kind, orderId, chargeRef } = row;
    const subject = orderId === null ? `charge ${chargeRef ?? "?"}` : `order ${orderId}`;
    addDrift(drifts, {
      subject,
      what: `discrepancy ${id}, ${kind}, of ${provider} on ${day}`,
      expected: amount(row.ourCents, row.ourCurrency),
      found: amount(row.theirCents, row.theirCurrency),
    }, true);
  }
  drifts.count = drifts.forPeople = await countOpenDiscrepancies(db);
  return { days: await countReconciledDays(db), drifts };
}

function amount(cents: number | null, currency: string | null): string | null {
  return cents === null || currency === null ? null : namedAmount(cents, currency);
}
