/**
 * Approving a report whose fees, payouts and the like wait for a second person: the one way for the API, the dashboard and
 * the command line.
 *
 * @module
 */

import { readToldSpan } from "../../db/reconciliation/reconciled_days.ts";
import {
  readReconciliation,
  type ReconciliationRow,
} from "../../db/reconciliation/reconciliations.ts";
import { noteReportApproved, noteReportBooked } from "../../db/reconciliation/report_approvals.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { isSamePerson, samePersonSays } from "../../domain/reconciliation/decide_action.ts";
import { bookDays } from "../../streams/reconciliation/book_days.ts";
import { audited } from "../audited.ts";
import { lockReport, type ReportDeps, subjectOf } from "./lock_report.ts";

/** What somebody has seen of a report that they approve. */
export interface SeenReport {
  /** When it was finished, ISO 8601, as it is shown. */
  finishedAt?: string;
}

/**
 * Approves a report whose fees, payouts and the like wait for a second person, and books them. After a crash in between
 * they are booked by {@linkcode bookApproved}, which whoever keeps mending calls.
 *
 * @throws {WorkflowError} `not_found`, `invalid` where it is not said what was seen, or `reconciliation_conflict`
 */
export async function approveReport(
  deps: ReportDeps,
  id: number,
  operator: Operator,
  seen: SeenReport,
): Promise<ReconciliationRow> {
  const about = { operator, action: "reconciliation.approve", subject: subjectOf(id) } as const;
  const { db } = deps;
  if (seen.finishedAt === undefined) {
    throw new WorkflowError(
      "invalid",
      "Name the time at which the report was finished that you approve",
    );
  }
  await audited(deps, about, (noteDone) =>
    db.transaction(async (tx) => {
      const row = await lockReport(tx, id);
      if (row.approvedBy !== null) return { result: undefined, changed: false };
      const because = refusalOf(row, operator.actor, seen.finishedAt!);
      if (because !== undefined) {
        throw new WorkflowError(
          "reconciliation_conflict",
          `Cannot approve report ${id}: ${because}`,
        );
      }
      await noteReportApproved(tx, id, operator.actor);
      await noteDone(tx);
      return { result: undefined, changed: true };
    }));
  await bookApproved(deps, id);
  return (await readReconciliation(db, id))!;
}

function refusalOf(row: ReconciliationRow, by: string, finishedAt: string): string | undefined {
  if (!row.feesWait) return "its fees wait for nobody";
  if (row.state !== "DONE") return `it is ${row.state.toLowerCase()}`;
  if (row.finishedAt !== finishedAt) return `it was finished at another time, ${row.finishedAt}`;
  return isSamePerson(row.actor, by) ? samePersonSays(row.actor, by, "brought it") : undefined;
}

/** Books what was approved of a report; done again it changes nothing. */
export async function bookApproved({ db }: ReportDeps, id: number): Promise<void> {
  const span = await readToldSpan(db, id);
  const { provider } = (await readReconciliation(db, id))!;
  if (span !== undefined) await bookDays(db, provider, span);
  await noteReportBooked(db, id);
}
