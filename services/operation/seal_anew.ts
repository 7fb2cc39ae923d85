/**
 * Sealing anew what somebody has changed on purpose.
 *
 * @module
 */

import { moveLedgerMarks, readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import { deleteLedgerSeals } from "../../db/ledger/ledger_seals.ts";
import { beginSealsAnew, readSealMarks } from "../../db/verification/seals.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { type AuditDeps, audited } from "../audited.ts";

/**
 * Takes what the tables hold now for right: forgets all seals, those of the ledger's closed days as well, of which the consumers make new ones. What is wrong in itself
 * is never sealed, so proofs go on telling of it. One transaction with its audit entry: a crash leaves both or neither.
 *
 * @returns false where nothing was sealed yet
 */
export async function sealAnew(deps: AuditDeps, operator: Operator): Promise<boolean> {
  const about = {
    operator,
    action: "seals.begin_anew",
    subject: { kind: "system", id: "seals" },
  } as const;
  return await audited(deps, about, (note) =>
    deps.db.transaction(async (tx) => {
      const { timeZone } = await readSealMarks(tx, "for update");
      const ledger = await readLedgerMarks(tx, "for update");
      if (timeZone === null && ledger.sealedDay === null) return { result: false, changed: false };
      if (timeZone !== null) await beginSealsAnew(tx, timeZone);
      await deleteLedgerSeals(tx);
      await moveLedgerMarks(tx, ledger, { sealedDay: null });
      await note(tx);
      return { result: true, changed: true };
    }));
}
