/**
 * A report under its lock, for whoever takes it back or approves it.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Queryable } from "../../db/connection/database.ts";
import {
  readReconciliation,
  type ReconciliationRow,
} from "../../db/reconciliation/reconciliations.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { AuditDeps } from "../audited.ts";

/** What work on reports needs. */
export interface ReportDeps extends AuditDeps {
  config: Pick<Config, "reconciliationApprovals" | "reconciliationDays">;
}

/** What the audit log says that it is about. */
export function subjectOf(id: number) {
  return { kind: "system", id: `reconciliation ${id}` } as const;
}

/**
 * Its row, locked until the transaction ends.
 *
 * @throws {WorkflowError} `not_found`
 */
export async function lockReport(tx: Queryable, id: number): Promise<ReconciliationRow> {
  const row = await readReconciliation(tx, id, { lock: true });
  if (row === undefined) throw new WorkflowError("not_found", `There is no reconciliation ${id}`);
  return row;
}
