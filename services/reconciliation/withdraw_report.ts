/**
 * Taking a report back: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  readReconciliation,
  type ReconciliationRow,
} from "../../db/reconciliation/reconciliations.ts";
import { readToldSpan } from "../../db/reconciliation/reconciled_days.ts";
import {
  askForWithdrawal,
  beginWithdrawal,
  listBeingMended,
} from "../../db/reconciliation/withdrawals.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { isSamePerson } from "../../domain/reconciliation/decide_action.ts";
import { withdrawReport } from "../../streams/reconciliation/withdraw_report.ts";
import { audited } from "../audited.ts";
import { lockReport, type ReportDeps, subjectOf } from "./lock_report.ts";

/**
 * Takes a report back that was read by mistake, to the end, as if it had never been brought; one that a crash has
 * interrupted goes on. Where two people are needed, the first one only asks for it.
 *
 * @returns the report: `WITHDRAWN`, or as it was where somebody else has to want it, too
 * @throws {WorkflowError} `not_found`, or `reconciliation_conflict` while it runs, or something of it is being mended
 */
export async function withdraw(
  deps: ReportDeps,
  id: number,
  operator: Operator,
): Promise<ReconciliationRow> {
  await beginWithdrawing(deps, id, operator);
  await goOnWithdrawing(deps, id);
  return (await readReconciliation(deps.db, id))!;
}

/**
 * Begins to take a report back; {@linkcode goOnWithdrawing} does it. See {@linkcode withdraw}.
 */
export async function beginWithdrawing(
  deps: ReportDeps,
  id: number,
  operator: Operator,
): Promise<ReconciliationRow> {
  const about = { operator, action: "reconciliation.withdraw", subject: subjectOf(id) } as const;
  const { db, config } = deps;
  const span = await readToldSpan(db, id);
  await audited(deps, about, (noteDone) =>
    db.transaction(async (tx) => {
      const row = await lockReport(tx, id);
      if (row.state === "WITHDRAWN" || row.state === "WITHDRAWING") {
        return { result: undefined, changed: false };
      }
      await refuseUnfinished(tx, row);
      const by = operator.actor;
      const isAlone = row.withdrawalBy === null || isSamePerson(row.withdrawalBy, by);
      if (config.reconciliationApprovals > 1 && isAlone) {
        if (row.withdrawalBy !== null) return { result: undefined, changed: false };
        await askForWithdrawal(tx, id, by);
        await noteDone(tx, "asked for");
        return { result: undefined, changed: true };
      }
      await beginWithdrawal(tx, id, { by, span });
      await noteDone(tx, `${row.lines} lines, ${row.found} discrepancies`);
      return { result: undefined, changed: true };
    }));
  return (await readReconciliation(db, id))!;
}

/** Goes on with a report that is being taken back; nothing for any other. */
export function goOnWithdrawing(deps: ReportDeps, id: number): Promise<void> {
  return withdrawReport(deps.db, id, { graceDays: deps.config.reconciliationDays });
}

/** @throws {WorkflowError} `reconciliation_conflict` */
async function refuseUnfinished(
  tx: Queryable,
  { id, state, isNoted }: ReconciliationRow,
): Promise<void> {
  const mended = await listBeingMended(tx, id);
  const because = state === "RUNNING"
    ? "it is running; one that was killed is brought again first"
    : !isNoted
    ? "it was read by a version that did not note which lines are its own: bring it again first"
    : mended.length > 0
    ? `discrepancies of it are being mended: ${mended.join(", ")}`
    : undefined;
  if (because === undefined) return;
  throw new WorkflowError(
    "reconciliation_conflict",
    `Cannot take reconciliation ${id} back: ${because}`,
  );
}
