/**
 * Actions of operators that stand in the audit log: the one way to do any of them.
 *
 * @module
 */

import { addAuditEntries } from "../db/audit/audit_log.ts";
import type { Database, Queryable } from "../db/connection/database.ts";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import type { AuditAction, AuditEntry, AuditSubject, Operator } from "../domain/operation/audit.ts";
import type { Log } from "../domain/operation/log.ts";

/** What keeping the log works with. */
export interface AuditDeps {
  db: Database;
  log: Log;
}

/** An action, before it is known what comes of it. */
export interface AuditedAction {
  operator: Operator;
  action: AuditAction;
  subject: AuditSubject;
}

/**
 * Writes into the log that the action is done, in the transaction that does it; again for every try of it.
 *
 * @param detail in our own words, without personal data
 */
export type NoteDone = (tx: Queryable, detail?: string) => Promise<void>;

/** What came of an action beside its result. */
export interface AuditedResult<T> {
  result: T;
  /** False where it was so before, and nothing is noted. */
  changed: boolean;
}

/**
 * Does an action and has the audit log tell of it: where it is done in the same transaction, and else, that nothing
 * changed or that it was refused, by a statement of its own. A crash between the refusal and that statement leaves a
 * refusal that is not told; never an action.
 *
 * @param work does it, and calls {@linkcode NoteDone} in its transaction
 * @throws what the work throws
 */
export async function audited<T>(
  deps: AuditDeps,
  about: AuditedAction,
  work: (note: NoteDone) => Promise<AuditedResult<T>>,
): Promise<T> {
  try {
    const { result, changed } = await work((tx, detail = undefined) =>
      addAuditEntries(tx, [{ ...about, outcome: "done", detail: detail ?? null }])
    );
    if (!changed) await keepEntry(deps, { ...about, outcome: "unchanged", detail: null });
    return result;
  } catch (error) {
    await keepEntry(deps, { ...about, ...outcomeOf(error) });
    throw error;
  }
}

/**
 * The same for what happens outside the database, as in Redis, where no transaction holds both: that it is begun is written
 * before, and what came of it, by an entry of its own, once it is over. A crash leaves `begun` alone; never an action
 * that nothing tells of.
 *
 * @param detailOf what there is to say of the result
 * @throws what the work throws, or the database where it cannot be told of: then nothing is done
 */
export async function auditedBeyond<T>(
  deps: AuditDeps,
  about: AuditedAction,
  work: () => Promise<T>,
  detailOf: (result: T) => string | null = () => null,
): Promise<T> {
  await addAuditEntries(deps.db, [{ ...about, outcome: "begun", detail: null }]);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await keepEntry(deps, { ...about, ...outcomeOf(error) });
    throw error;
  }
  await keepEntry(deps, { ...about, outcome: "done", detail: detailOf(result) });
  return result;
}

/**
 * The same for actions whose transaction writes what became of each: here only that all of them failed, or were refused
 * together, which leaves nothing behind.
 */
export async function auditedTogether<T>(
  deps: AuditDeps,
  about: readonly AuditedAction[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const outcome = outcomeOf(error);
    await keepEntries(deps, about.map((one) => ({ ...one, ...outcome })));
    throw error;
  }
}

/** How an action ended that has thrown; nothing of what somebody typed is in it. */
export function outcomeOf(error: unknown): Pick<AuditEntry, "outcome" | "detail"> {
  const isRefused = error instanceof WorkflowError && error.code !== "unavailable";
  return {
    outcome: isRefused ? "refused" : "failed",
    detail: error instanceof WorkflowError ? error.code : null,
  };
}

/** Writes an entry by itself; where the database is away, the process' log has it instead. */
export function keepEntry(deps: AuditDeps, entry: AuditEntry): Promise<void> {
  return keepEntries(deps, [entry]);
}

async function keepEntries({ db, log }: AuditDeps, entries: readonly AuditEntry[]): Promise<void> {
  try {
    await addAuditEntries(db, entries);
  } catch (error) {
    for (const { operator, action, subject, outcome, detail } of entries) {
      log.error("not in the audit log", {
        ...operator,
        action,
        subject: `${subject.kind}:${subject.id}`,
        outcome,
        detail,
        error: messageOf(error),
      });
    }
  }
}
