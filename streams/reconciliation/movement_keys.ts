/**
 * As what movements are kept that discrepancies are about.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { readMended } from "../../db/reconciliation/direct_refunds.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import { readChargebacksNamed } from "../../db/reconciliation/named_money.ts";
import { noPart } from "../../db/reconciliation/provider_movements.ts";
import type { MovementKey } from "../../db/reconciliation/retold_movements.ts";
import { isOfBank } from "../../domain/reconciliation/discrepancy.ts";
import { isOfNoOrder, kindsOfNoOrder } from "../../domain/reconciliation/provider_line.ts";

/**
 * The keys under which the movement may be kept that a discrepancy of some is about, the likeliest first; none where its row does not say.
 *
 * @param rows of one provider
 */
export async function readMovementKeys(
  db: Queryable,
  provider: string,
  rows: readonly DiscrepancyRow[],
): Promise<(row: DiscrepancyRow) => MovementKey[]> {
  const chargebacks = await readChargebacksNamed(
    db,
    provider,
    rows.filter(({ movement }) => isOfBank(movement)).flatMap(({ refundRef }) => refundRef ?? []),
  );
  const mended = await readMended(
    db,
    provider,
    rows.filter(({ movement }) => isMend(movement)).flatMap(({ movementKey }) => movementKey ?? []),
  );
  return (row) => {
    const { movement, part } = row;
    if (part !== null) {
      const kinds = isOfNoOrder(movement) ? kindsOfNoOrder : [movement];
      // That of its own kind first.
      return [...new Set([movement, ...kinds])].map((kind) => ({ kind, subjectId: 0, part }));
    }
    const subjectId = subjectOf(row, { chargebacks, mended });
    return subjectId === null ? [] : [{ kind: movement, subjectId, part: noPart }];
  };
}

/** Whether it is what mended another discrepancy directly, or came back of that. */
function isMend(movement: DiscrepancyRow["movement"]): boolean {
  return movement === "mend" || movement === "unmended";
}

/** What of ours a discrepancy is about, as far as its row says; null where it does not. */
function subjectOf(
  row: DiscrepancyRow,
  { chargebacks, mended }: Record<"chargebacks" | "mended", ReadonlyMap<string, { id: number }>>,
): number | null {
  const { movement } = row;
  if (isOfBank(movement)) return chargebacks.get(row.refundRef ?? "")?.id ?? null;
  if (isMend(movement)) return mended.get(row.movementKey ?? "")?.id ?? null;
  return row.refundId ?? row.paymentId;
}
