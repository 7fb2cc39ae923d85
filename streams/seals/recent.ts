/**
 * What is not sealed: recent work, and what is open.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { ordersOfChangedChargebacks } from "../../db/ledger/ledger_marks.ts";
import type { Scope, Scopes } from "../../db/verification/scope.ts";
import {
  listTakenBack,
  listUnsealed,
  ordersOfRefunds,
  readSealMarks,
  readSealOver,
  type Seal,
  type SealKind,
  type SealMarks,
  type TakenBack,
} from "../../db/verification/seals.ts";

/** What is not sealed, as of one snapshot. */
export interface Recent {
  marks: SealMarks;
  /** Orders and refunds that are in no seal and none of the sums of seals. */
  unsealed: Scopes;
  /** Those orders, and those that unsealed refunds are about, or chargebacks that have changed since a day was closed. */
  checkedOrders: readonly Scope[];
  /** Orders that are in a seal still, as the failures that they no longer are. */
  takenBack: readonly TakenBack[];
  /** Payments that sealing has passed and that are not over. */
  paymentIds: readonly number[];
}

/** Rows to one page. */
const pageSize = 10_000;

/** Finds what is not sealed. To be run in a snapshot. */
export async function readRecent(tx: Queryable): Promise<Recent> {
  const marks = await readSealMarks(tx);
  const takenBack = await readTakenBack(tx, marks);
  const orderIds = [...await readUnsealed(tx, "order"), ...takenBack.map(({ orderId }) => orderId)];
  const refundIds = await readUnsealed(tx, "refund");
  const refunds: Scope[] = [{ after: marks.refund }, ...someIds(refundIds)];
  const moved = new Set<number>();
  for (const scope of refunds) {
    for (const id of await ordersOfRefunds(tx, scope)) moved.add(id);
  }
  for (const id of await ordersOfChangedChargebacks(tx)) moved.add(id);
  const known = new Set(orderIds);
  const others = [...moved].filter((id) => id <= marks.order && !known.has(id));
  return {
    marks,
    unsealed: { orders: [{ after: marks.order }, ...someIds(orderIds)], refunds },
    checkedOrders: [{ after: marks.order }, ...someIds([...orderIds, ...others])],
    takenBack,
    paymentIds: await readUnsealed(tx, "payment"),
  };
}

function someIds(ids: readonly number[]): Scope[] {
  const scopes: Scope[] = [];
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  for (let from = 0; from < sorted.length; from += pageSize) {
    scopes.push({ ids: sorted.slice(from, from + pageSize) });
  }
  return scopes;
}

async function readUnsealed(tx: Queryable, kind: SealKind | "payment"): Promise<number[]> {
  const ids: number[] = [];
  for (let afterId = 0;;) {
    const page = await listUnsealed(tx, kind, { afterId, limit: pageSize });
    ids.push(...page);
    if (page.length < pageSize) return ids;
    afterId = page.at(-1)!;
  }
}

async function readTakenBack(tx: Queryable, marks: SealMarks): Promise<TakenBack[]> {
  const found: TakenBack[] = [];
  for (let afterId = marks.retry;;) {
    const page = await listTakenBack(tx, { afterId, limit: pageSize, ordersUpTo: marks.order });
    let seal: Seal | null = null;
    for (const retry of page.toSorted((a, b) => a.orderId - b.orderId)) {
      if (seal === null || retry.orderId < seal.firstId || retry.orderId > seal.lastId) {
        seal = await readSealOver(tx, "order", retry.orderId);
      }
      if (seal?.checksums.get(retry.orderId) === retry.checksum) found.push(retry);
    }
    if (page.length < pageSize) return found;
    afterId = page.at(-1)!.id;
  }
}
