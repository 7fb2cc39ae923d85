/**
 * Orders and refunds that are wrong in themselves, whatever else there is.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { listUnnotifiedOrders, listUnnotifiedRefunds } from "../../db/recovery/recovery.ts";
import {
  findOrderFaults,
  findSourceFaults,
  findTotalFaults,
} from "../../db/verification/order_parts.ts";
import type { Scope } from "../../db/verification/scope.ts";
import type { SealKind } from "../../db/verification/seals.ts";
import type { FaultyRows } from "../../db/verification/faulty_rows.ts";
import {
  findDisputeFaults,
  findHandFaults,
  findNotificationGaps,
  findPaymentsForNothing,
  findRefundFaults,
  findRefundPartsFaults,
  findUnpaidOrders,
  findWrongNotifications,
} from "../../db/verification/verify.ts";

type Find = (
  tx: Queryable,
  scope: Scope,
) => Promise<FaultyRows<{ orderId: number; refundId?: number | null }>>;

const ofKind: Readonly<Record<SealKind, readonly Find[]>> = {
  order: [
    findTotalFaults,
    findOrderFaults,
    findSourceFaults,
    findUnpaidOrders,
    findPaymentsForNothing,
    findDisputeFaults,
    findRefundFaults,
    findWrongNotifications,
    findNotificationGaps,
  ],
  refund: [findRefundPartsFaults, findHandFaults],
};

/**
 * Which of these ids are of rows with faults, or of ends that nobody was told of.
 *
 * @param about.scope in which to look; it holds all of the ids
 * @param about.ids what is asked about, all of them finished
 */
export async function faultyIds(
  tx: Queryable,
  kind: SealKind,
  { scope, ids }: { scope: Scope; ids: readonly number[] },
): Promise<Set<number>> {
  const faulty = new Set<number>();
  for (const find of ofKind[kind]) {
    const { rows, count } = await find(tx, scope);
    // Only the first are told: whatever has many faults is left alone until they are mended.
    if (count > rows.length) return new Set(ids);
    for (const { orderId, refundId } of rows) {
      if (kind === "order") faulty.add(orderId);
      else if (typeof refundId === "number") faulty.add(refundId);
    }
  }
  const list = kind === "order" ? listUnnotifiedOrders : listUnnotifiedRefunds;
  const untold = await list(tx, { afterId: 0, limit: ids.length, ids });
  for (const { id } of untold) faulty.add(id);
  return faulty;
}
