/**
 * Sealing anew what somebody has changed on purpose.
 *
 * @module
 */

import { beginSealsAnew, readSealMarks } from "../db/verification/seals.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { type AuditDeps, audited } from "./audited.ts";

/**
 * Takes what the tables hold now for right: forgets all seals, of which the consumers make new ones. What is wrong in itself
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
      if (timeZone === null) return { result: false, changed: false };
      await beginSealsAnew(tx, timeZone);
      await note(tx);
      return { result: true, changed: true };
    }));
}
