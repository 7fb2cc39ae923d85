/**
 * What was begun with reports and a crash has interrupted.
 *
 * @module
 */

import { listUnfinishedReports } from "../../db/reconciliation/reconciliations.ts";
import { bookApproved } from "./approve_report.ts";
import type { ReportDeps } from "./lock_report.ts";
import { goOnWithdrawing } from "./withdraw_report.ts";

/** Goes on with reports that are being taken back, and books what was approved: what a crash has interrupted. */
export async function goOnWithReports(deps: ReportDeps): Promise<void> {
  for (const { id, isWithdrawn } of await listUnfinishedReports(deps.db)) {
    if (isWithdrawn) await goOnWithdrawing(deps, id);
    else await bookApproved(deps, id);
  }
}
