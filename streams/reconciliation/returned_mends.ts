/**
 * Refunds that were made directly at a provider, to mend a discrepancy, and came back.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { noteReturn, readMendsOf } from "../../db/reconciliation/direct_refunds.ts";
import { type DiscrepancyRow, readDiscrepancy } from "../../db/reconciliation/discrepancies.ts";
import {
  insertDiscrepancies,
  readFoundIdentities,
} from "../../db/reconciliation/found_discrepancies.ts";
import type { Log } from "../../domain/operation/log.ts";
import { directlyBack } from "../../domain/reconciliation/discrepancy.ts";
import { dayOf } from "../../domain/reconciliation/provider_line.ts";
import { decideMendReturn, type ReturnDecision } from "../../domain/refund/returned.ts";
import { foundDiscrepancy, identityOf } from "./found_discrepancy.ts";

/** What is told of a refund that mended a discrepancy. */
export interface TakenBackMend {
  /** Database id of the discrepancy. */
  id: number;
  /** The provider's word for why; null where it says none. */
  reason: string | null;
  /** When it was so: UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  returnedAt: string;
}

/** Which of a provider's discrepancies were mended by refunds that came back, by their ids. */
export async function readReturnedMends(
  db: Queryable,
  provider: string,
  ids: readonly number[],
): Promise<Set<number>> {
  const found = await readFoundIdentities(db, ids.map((id) => returnIdentityOf(provider, id)));
  return new Set(ids.filter((id) => found.has(returnIdentityOf(provider, id))));
}

/** What mending gave back of a discrepancy's charge directly, or is about to, and that has not come back. */
export async function sumMendCents(
  db: Queryable,
  of: Pick<DiscrepancyRow, "provider" | "chargeRef">,
): Promise<number> {
  const mends = await readMendsOf(db, of);
  const returned = await readReturnedMends(db, of.provider, mends.map(({ id }) => id));
  return mends.reduce((sum, { id, cents }) => returned.has(id) ? sum : sum + cents, 0);
}

/**
 * Writes that a provider took a refund back that had mended a discrepancy: its money is owed again, which is a discrepancy of its
 * own, once. The old one keeps its key, by which reports name that refund, and the new one is mended by another.
 *
 * A crash leaves all of it or nothing; told again it changes nothing.
 *
 * @returns undefined where there is no such discrepancy any more
 */
export async function takeBackMend(
  { db, log }: { db: Database; log: Log },
  { id, reason, returnedAt }: TakenBackMend,
): Promise<ReturnDecision["kind"] | undefined> {
  return await db.transaction(async (tx) => {
    const row = await readDiscrepancy(tx, id, { lock: true });
    if (row === undefined || row.mendKey === null) return undefined;
    const isReturned = (await readReturnedMends(tx, row.provider, [id])).has(id);
    const { kind } = decideMendReturn({
      state: row.state,
      isUnderWay: row.approvedAt !== null,
      isReturned,
    });
    if (kind !== "return") return kind;
    await insertDiscrepancies(tx, [owedAgain(row, returnedAt)]);
    await noteReturn(tx, id, `its provider took it back${reason === null ? "" : `: ${reason}`}`);
    log.warn("a provider took back a refund that had mended a discrepancy", {
      provider: row.provider,
      discrepancy: id,
      reason,
    });
    return kind;
  });
}

function owedAgain(row: DiscrepancyRow, returnedAt: string) {
  const { reconciliationId, provider, orderId, paymentId, reference, chargeRef } = row;
  return foundDiscrepancy({
    reconciliationId,
    provider,
    kind: "corrected",
    identity: returnIdentityOf(provider, row.id),
    day: dayOf(returnedAt),
    movement: "unmended",
    orderId,
    paymentId,
    reference,
    chargeRef,
    movementKey: row.mendKey,
    theirCents: row.mendCents ?? directlyBack(row),
    theirCurrency: row.theirCurrency,
    theirTime: returnedAt,
  });
}

function returnIdentityOf(provider: string, id: number): string {
  return identityOf(provider, { kind: "unmended", subjectId: id, part: null }, "corrected");
}
