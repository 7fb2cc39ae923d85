/**
 * Looks whether lines of one charge come to what we have together.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import {
  comesTogether,
  type DiscrepancyRow,
  endTogether,
  listOpenParts,
} from "../../db/reconciliation/discrepancies.ts";

/**
 * Ends what is open of charges that were told in parts: captured by and by (several lines), or for less than was authorised
 * (one line of all, and one that takes back what was not captured). Each line alone is of another amount, or one too many;
 * giving any of it back would take what is the shop's. A charge ends in one transaction with all of its parts: those that
 * are left alone never come to what we have.
 *
 * @param rows open ones
 * @returns how many were mended
 */
export async function lookAtParts(
  db: Database,
  provider: string,
  rows: readonly DiscrepancyRow[],
): Promise<number> {
  const charges = rows.filter((row) =>
    row.kind === "amount_differs" && row.movement === "charge" && row.paymentId !== null &&
    row.chargeRef !== null && row.approvedBy === null && row.theirCurrency === row.ourCurrency
  );
  if (charges.length === 0) return 0;
  const parts = Map.groupBy(
    await listOpenParts(db, provider, charges.map(({ chargeRef }) => chargeRef!)),
    ({ chargeRef }) => chargeRef,
  );
  let mended = 0;
  for (const charge of charges) {
    const others = parts.get(charge.chargeRef) ?? [];
    if (others.length === 0 || others.some((one) => one.theirCurrency !== charge.theirCurrency)) {
      continue;
    }
    const cents = others.reduce(
      (sum, { theirCents, theirGrossCents }) => sum + theirCents! * Math.sign(theirGrossCents ?? 0),
      charge.theirCents!,
    );
    if (cents !== charge.ourCents) continue;
    const ids = [charge, ...others].map(({ id }) => id);
    mended += await db.transaction((tx) => endTogether(tx, ids, comesTogether));
  }
  return mended;
}
