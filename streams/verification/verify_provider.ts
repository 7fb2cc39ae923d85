/**
 * The point of the proof that is about the providers' books.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  countOpenDiscrepancies,
  type DiscrepancyRow,
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
    const { id, provider, day, kind, orderId, chargeRef, entry } = row;
    const subject = orderId !== null
      ? `order ${orderId}`
      : chargeRef !== null
      ? `charge ${chargeRef}`
      : `line ${entry ?? "?"}`;
    addDrift(drifts, {
      subject,
      what: `discrepancy ${id}, ${kind}, of ${provider} on ${day}`,
      ...bothSides(row),
    }, true);
  }
  drifts.count = drifts.forPeople = await countOpenDiscrepancies(db);
  return { days: await countReconciledDays(db), drifts };
}

/** What we have and what they say, so that it can be seen what differs where the amounts are the same. */
function bothSides(row: DiscrepancyRow): { expected: string | null; found: string | null } {
  const { kind, settledCurrency: currency, ourFeeCents, ourNetCents } = row;
  if (kind === "fee_differs" && currency !== null && ourFeeCents !== null && ourNetCents !== null) {
    const parts = (fee: number, net: number) =>
      `a fee of ${namedAmount(fee, currency)}, net ${namedAmount(net, currency)}`;
    return {
      expected: parts(ourFeeCents, ourNetCents),
      found: parts(row.theirFeeCents ?? 0, row.theirNetCents ?? 0),
    };
  }
  const expected = amount(row.ourCents, row.ourCurrency);
  const found = amount(row.theirCents, row.theirCurrency);
  return kind === "twice" && found !== null
    ? { expected, found: `${found} once more` }
    : { expected, found };
}

function amount(cents: number | null, currency: string | null): string | null {
  return cents === null || currency === null ? null : namedAmount(cents, currency);
}
