/**
 * Taking a report back, and approving one: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { Queryable } from "../db/connection/database.ts";
import {
  readReconciliation,
  type ReconciliationRow,
} from "../db/reconciliation/reconciliations.ts";
import { readToldSpan } from "../db/reconciliation/reconciled_days.ts";
import {
  approveReport,
  askForWithdrawal,
  beginWithdrawal,
  listBeingMended,
  listUnfinishedReports,
  noteFeesBooked,
} from "../db/reconciliation/withdrawals.ts";
import { WorkflowError } from "../domain/errors.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { isSamePerson } from "../domain/reconciliation/decide_action.ts";
import { bookDays } from "../streams/reconciliation/book_days.ts";
import { withdrawReport } from "../streams/reconciliation/withdraw_report.ts";
import { type AuditDeps, audited } from "./audited.ts";

/** What it works with. */
export interface ReportDeps extends AuditDeps {
  config: Pick<Config, "reconciliationApprovals" | "reconciliationDays">;
}

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

/** What somebody has seen of a report that they approve. */
export interface SeenReport {
  /** When it was finished, ISO 8601, as it is shown. */
  finishedAt?: string;
}

/**
 * Approves a report whose fees and payouts wait for a second person, and books them.
 *
 * @throws {WorkflowError} `not_found`, `invalid` where it is not said what was seen, or `reconciliation_conflict`
 */
export async function approveFees(
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
      await approveReport(tx, id, operator.actor);
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
  return isSamePerson(row.actor, by) ? "it takes two people, and this one brought it" : undefined;
}

/** Books what was approved of a report; done again it changes nothing. */
async function bookApproved({ db }: ReportDeps, id: number): Promise<void> {
  const span = await readToldSpan(db, id);
  const { provider } = (await readReconciliation(db, id))!;
  if (span !== undefined) await bookDays(db, provider, span);
  await noteFeesBooked(db, id);
}

/** Goes on with reports that are being taken back, and books what was approved: what a crash has interrupted. */
export async function goOnWithReports(deps: ReportDeps): Promise<void> {
  for (const { id, isWithdrawn } of await listUnfinishedReports(deps.db)) {
    if (isWithdrawn) await goOnWithdrawing(deps, id);
    else await bookApproved(deps, id);
  }
}

function subjectOf(id: number) {
  return { kind: "system", id: `reconciliation ${id}` } as const;
}

async function lockReport(tx: Queryable, id: number): Promise<ReconciliationRow> {
  const row = await readReconciliation(tx, id, { lock: true });
  if (row === undefined) throw new WorkflowError("not_found", `There is no reconciliation ${id}`);
  return row;
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
