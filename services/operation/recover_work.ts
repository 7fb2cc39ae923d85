/**
 * Bringing lost work back when somebody asks for it; consumers do it by themselves when they find a need.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { holdBasis } from "../../streams/kpis/kpi_basis.ts";
import { recover, type RecoverDeps, type RecoverReport } from "../../streams/recovery/recover.ts";
import { auditedBeyond } from "../audited.ts";

/** What a recovery did. */
export type Recovered = Extract<RecoverReport, { kind: "recovered" }>;

/**
 * Recovers, see {@linkcode recover}, with the figures counted by the settings of this process.
 *
 * @param operator who asks for it, for the audit log
 * @param options.waitMs how long to wait for another process that is recovering
 * @param options.accept they say as well that this database counts, although Redis knows another one or another history
 * @throws {WorkflowError} `unavailable` where that does not end, or processes are alive that count by other settings, or it
 * is another database and nobody says that it counts
 */
export async function recoverWork(
  deps: RecoverDeps,
  operator: Operator,
  options: { waitMs: number; accept?: boolean },
): Promise<Recovered> {
  const subject = { kind: "system", id: "work" } as const;
  const action = options.accept === true ? "database.accept" : "work.recover";
  return await auditedBeyond(deps, { operator, action, subject }, async () => {
    const basis = await holdBasis(deps);
    const report = await recover(deps, options).finally(() => basis.release());
    if (report.kind === "busy") {
      throw new WorkflowError("unavailable", "Another process is recovering and does not end");
    }
    return report;
  });
}
