/**
 * Looks whether lines of one charge come to what we have together.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { readPaymentsNamed } from "../../db/reconciliation/named_money.ts";
import { type DiscrepancyRow, listOpenParts } from "../../db/reconciliation/discrepancies.ts";
import { endTogether } from "../../db/reconciliation/discrepancy_actions.ts";
import { comesTogether } from "../../db/reconciliation/ending_answers.ts";

/**
 * Ends what is open of charges that were told in parts: captured by and by (several lines), or for less than was authorised
 * (one line of all, and one that takes back what was not captured). Each line alone is of another amount, or one too many;
 * giving any of it back would take what is the shop's. A charge ends in one transaction with all of its parts: those that
 * are left alone never come to what we have. So it is with parts that come to nothing beside a line that says what we have,
 * as where shipping and what was taken off of it have a line each.
 *
 * @param rows open ones
 * @returns how many were mended
 */
export async function lookAtParts(
  db: Database,
  provider: string,
  rows: readonly DiscrepancyRow[],
): Promise<number> {
  const ended = await lookAtWhole(db, provider, rows);
  return ended + await lookAtFurther(db, provider, rows);
}

/** Further lines of charges of which one says what we have already. */
async function lookAtFurther(
  db: Database,
  provider: string,
  rows: readonly DiscrepancyRow[],
): Promise<number> {
  const refs = [
    ...new Set(
      rows.filter(({ part, kind, approvedBy }) =>
        part !== null && kind === "corrected" && approvedBy === null
      )
        .flatMap(({ chargeRef }) => chargeRef ?? []),
    ),
  ];
  if (refs.length === 0) return 0;
  const payments = await readPaymentsNamed(db, provider, refs);
  const parts = Map.groupBy(await listOpenParts(db, provider, refs), ({ chargeRef }) => chargeRef!);
  let mended = 0;
  for (const [ref, some] of parts) {
    const payment = payments.get(ref);
    if (payment === undefined || payment.status === "DECLINED") continue;
    if (some.some(({ theirCurrency }) => theirCurrency !== payment.currency)) continue;
    if (some.reduce(addPart, 0) !== 0) continue;
    mended += await db.transaction((tx) =>
      endTogether(tx, some.map(({ id }) => id), comesTogether)
    );
  }
  return mended;
}

/** What a further line adds to its charge, or takes off. */
function addPart(sum: number, { theirCents, theirGrossCents }: DiscrepancyRow): number {
  return sum + theirCents! * Math.sign(theirGrossCents ?? 0);
}

async function lookAtWhole(
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
    if (others.reduce(addPart, charge.theirCents!) !== charge.ourCents) continue;
    const ids = [charge, ...others].map(({ id }) => id);
    mended += await db.transaction((tx) => endTogether(tx, ids, comesTogether));
  }
  return mended;
}
