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
import { isRange, type Scope } from "../../db/verification/scope.ts";
import { findUnevenMoney } from "../../db/verification/uneven_money.ts";
import { findUnevenNotices } from "../../db/verification/uneven_notices.ts";
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

/** What orders are looked at for, and where: of many only where sums of neighbours differ. */
async function looksAtOrders(
  tx: Queryable,
  scope: Scope,
): Promise<{ looks: Look[]; notices: readonly Scope[] }> {
  const all = [scope];
  const money = isRange(scope)
    ? await findUnevenMoney(tx, scope)
    : { totals: all, terms: all, payments: all, refunds: all };
  const notices = isRange(scope) ? await findUnevenNotices(tx, scope) : all;
  const looks: Look[] = [
    { find: findTotalFaults, scopes: money.totals },
    { find: findOrderFaults, scopes: money.terms },
    { find: findSourceFaults, scopes: all },
    { find: findUnpaidOrders, scopes: money.payments },
    { find: findPaymentsForNothing, scopes: money.payments },
    { find: findDisputeFaults, scopes: all },
    { find: findRefundFaults, scopes: money.refunds },
    { find: findWrongNotifications, scopes: notices },
    { find: findNotificationGaps, scopes: notices },
  ];
  return { looks, notices };
}

interface Look {
  find: Find;
  scopes: readonly Scope[];
}

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
  const note = async ({ find, scopes }: Look): Promise<boolean> => {
    for (const part of scopes) {
      const { rows, count } = await find(tx, part);
      // Only the first are told: whatever has many faults is left alone until they are mended.
      if (count > rows.length) return false;
      for (const { orderId, refundId } of rows) {
        if (kind === "order") faulty.add(orderId);
        else if (typeof refundId === "number") faulty.add(refundId);
      }
    }
    return true;
  };
  const limit = ids.length;
  if (kind === "refund") {
    for (const find of [findRefundPartsFaults, findHandFaults]) {
      if (!await note({ find, scopes: [scope] })) return new Set(ids);
    }
    for (const { id } of await listUnnotifiedRefunds(tx, { afterId: 0, limit, ids })) {
      faulty.add(id);
    }
    return faulty;
  }
  const { looks, notices } = await looksAtOrders(tx, scope);
  for (const look of looks) if (!await note(look)) return new Set(ids);
  for (const ofOrders of notices) {
    const untold = await listUnnotifiedOrders(tx, { afterId: 0, limit, ids, ofOrders });
    for (const { id } of untold) faulty.add(id);
  }
  return faulty;
}
