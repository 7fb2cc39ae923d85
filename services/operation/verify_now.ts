/**
 * Verifying and repairing when somebody asks for it; consumers do both by themselves.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import type { AuditAction, Operator } from "../../domain/operation/audit.ts";
import { plural } from "../../domain/text/plural.ts";
import { repair, type Repairing } from "../../streams/recovery/repair.ts";
import type { VerifyReport } from "../../streams/verification/verify.ts";
import { type VerificationDeps, verifyNow } from "../../streams/verification/verify_regularly.ts";
import { auditedBeyond } from "../audited.ts";

/** What came of a repair. */
export interface Repaired {
  result: Repairing;
  /** As it was found before the repair. */
  report: VerifyReport;
}

/**
 * Verifies and keeps the report.
 *
 * @param operator who asks for it, for the audit log
 * @param options.incremental whether only what is not sealed is looked at
 * @throws {WorkflowError} `verification_running`
 */
export function verifyAndTell(
  deps: VerificationDeps,
  operator: Operator,
  options: { incremental?: boolean } = {},
): Promise<VerifyReport> {
  const about = actionOf("verification.run", operator);
  return auditedBeyond(deps, about, () => verifyOrRefuse(deps, options), describe);
}

/**
 * Verifies, repairs what can be repaired, and verifies again. Stock and money are a person's to decide about: no repair
 * touches them. One that did not help is not made again before its wait is over.
 *
 * @param operator who asks for it, for the audit log
 * @throws {WorkflowError} `verification_running`
 */
export function repairAndTell(deps: VerificationDeps, operator: Operator): Promise<Repaired> {
  const about = actionOf("verification.repair", operator);
  return auditedBeyond(deps, about, async () => {
    const report = await verifyOrRefuse(deps);
    return { report, result: await repair(deps, report, () => verifyNow(deps)) };
  }, ({ report, result }) => `${describe(report)}; ${result}`);
}

function actionOf(action: AuditAction, operator: Operator) {
  return { operator, action, subject: { kind: "system", id: "verification" } } as const;
}

async function verifyOrRefuse(
  deps: VerificationDeps,
  options: { incremental?: boolean } = {},
): Promise<VerifyReport> {
  const report = await verifyNow(deps, options);
  if (report === null) {
    throw new WorkflowError(
      "verification_running",
      "Another verification is running; try again when it has ended",
    );
  }
  return report;
}

function describe({ ok, checks, incremental }: VerifyReport): string {
  const drifting = checks.filter((check) => !check.ok);
  return ok
    ? incremental ? "everything agrees that is not sealed" : "everything agrees"
    : drifting.map(({ name, drift_count: count }) =>
      `${name}: ${count} ${plural(count, "differs", "differ")}`
    ).join(", ");
}
