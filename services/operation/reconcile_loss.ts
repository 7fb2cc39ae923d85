/**
 * Saying that what the database lost is reconciled: sent again, imported again, or held against the provider's report.
 *
 * @module
 */

import { endLoss, readLoss } from "../../db/recovery/database_losses.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { maxAuditDetail, type Operator } from "../../domain/operation/audit.ts";
import { type RecordedLoss, tellLoss } from "../../domain/operation/database_age.ts";
import { reasonFault, trimmedReason } from "../../domain/refund/refund_request.ts";
import { type AuditDeps, audited } from "../audited.ts";

/**
 * Closes a loss: nobody is told of it any more. Whoever says so after somebody else changes nothing. No order and no money
 * changes by it.
 *
 * @param said.note how it came out, for whoever asks later
 * @param operator who says so, for the audit log
 * @returns it as it is now, and whether this call closed it
 * @throws {WorkflowError} `invalid` without a note, or `not_found`
 */
export async function reconcileLoss(
  deps: AuditDeps,
  { id, note: given }: { id: number; note: string | null },
  operator: Operator,
): Promise<{ loss: RecordedLoss; changed: boolean }> {
  const note = trimmedReason(given);
  const fault = note === null ? "is needed: how was it reconciled" : reasonFault(note);
  if (note === null || fault !== undefined) {
    throw new WorkflowError("invalid", `The note ${fault}`);
  }
  const subject = { kind: "system", id: `loss ${id}` } as const;
  return await audited(
    deps,
    { operator, action: "loss.reconcile", subject },
    (noteDone) =>
      deps.db.transaction(async (tx) => {
        const known = await readLoss(tx, id);
        if (known === undefined) {
          throw new WorkflowError("not_found", `There is no loss ${id} of the database`);
        }
        const changed = await endLoss(tx, { id, by: operator.actor, note });
        if (changed) await noteDone(tx, tellLoss(known).slice(0, maxAuditDetail));
        return { result: { loss: (await readLoss(tx, id))!, changed }, changed };
      }),
  );
}
