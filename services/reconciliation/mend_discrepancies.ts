/**
 * What is done about discrepancies: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { readMendedBy } from "../../db/reconciliation/direct_refunds.ts";
import {
  type DiscrepancyRow,
  listDiscrepancies,
  readDiscrepancy,
} from "../../db/reconciliation/discrepancies.ts";
import {
  approveAction,
  endDiscrepancy,
  proposeAction,
} from "../../db/reconciliation/discrepancy_actions.ts";
import { readReconciliation } from "../../db/reconciliation/reconciliations.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { keyAfterRefusal, mendKeyOf } from "../../domain/payment/payment_key.ts";
import { lineRules } from "../../domain/reconciliation/decide_line.ts";
import {
  type ActionDecision,
  decideApproval,
  decideProposal,
  type SeenProposal,
} from "../../domain/reconciliation/decide_action.ts";
import {
  directlyBack,
  type DiscrepancyAction,
  offeredActions,
} from "../../domain/reconciliation/discrepancy.ts";
import { reasonFault, trimmedReason } from "../../domain/refund/refund_request.ts";
import { gatewayNamed } from "../../streams/payments/gateway.ts";
import { lookAgain } from "../../streams/reconciliation/look_again.ts";
import { audited } from "../audited.ts";
import { carryOut } from "./carry_out_mending.ts";
import type { MendingDeps } from "./mending_step.ts";

/** What somebody wants to be done. */
export interface MendingWish {
  id: number;
  /** Left out for the first one that is offered. */
  action?: DiscrepancyAction;
  /** Why, or what explains it; at most 255 characters. */
  note: string | null;
}

/** What became of it. */
export interface MendingResult {
  /** As it is now. */
  discrepancy: DiscrepancyRow;
  /** False where the same was wished for before. */
  changed: boolean;
}

/** How it is done. */
export interface MendingOptions {
  /** Is called where something changed, in the same transaction. */
  inTransaction?: (tx: Queryable) => Promise<void>;
}

/** How it is approved. */
export interface ApprovalOptions extends MendingOptions {
  /** What was looked at: anything that was proposed since is not approved by it. With one person it may be left out. */
  seen?: SeenProposal;
}

/**
 * Proposes how a discrepancy is mended. Where one pair of eyes is enough it is approved and carried out at once; with two
 * it waits for somebody else.
 *
 * @throws {WorkflowError} `invalid`, `not_found` or `discrepancy_not_mendable`
 */
export async function proposeMending(
  deps: MendingDeps,
  wish: MendingWish,
  operator: Operator,
  options: MendingOptions = {},
): Promise<MendingResult> {
  const note = noteOf(wish.note);
  const subject = { kind: "discrepancy", id: String(wish.id) } as const;
  const proposed = await audited(
    deps,
    { operator, action: "discrepancy.propose", subject },
    (noteDone) =>
      deps.db.transaction(async (tx) => {
        const row = await lockDiscrepancy(tx, wish.id);
        const action = wish.action ?? firstOffered(deps, row, note);
        const decision = decideProposal(row, { action, note });
        refuse(row.id, decision);
        const changed = decision.kind === "propose";
        if (changed) {
          await proposeAction(tx, { id: row.id, action, note, by: operator.actor });
          await options.inTransaction?.(tx);
          await noteDone(tx, action);
        }
        return { result: changed, changed };
      }),
  );
  if (deps.config.reconciliationApprovals > 1) {
    return { discrepancy: (await readDiscrepancy(deps.db, wish.id))!, changed: proposed };
  }
  return await approveMending(deps, wish.id, operator);
}

/**
 * Approves what was proposed, and carries it out; with `seen` only if it is that still. What can't be done at once is tried
 * again until it is, see {@linkcode goOnMending}; what comes to nothing is withdrawn, with why.
 *
 * @throws {WorkflowError} `not_found`, `discrepancy_not_mendable`, or `invalid` where it takes two people and `seen` does not
 * name both the action and its time
 */
export async function approveMending(
  deps: MendingDeps,
  id: number,
  operator: Operator,
  options: ApprovalOptions = {},
): Promise<MendingResult> {
  const subject = { kind: "discrepancy", id: String(id) } as const;
  const changed = await audited(
    deps,
    { operator, action: "discrepancy.approve", subject },
    (noteDone) =>
      deps.db.transaction(async (tx) => {
        const row = await lockDiscrepancy(tx, id);
        await refuseWithdrawn(tx, row);
        const approvals = deps.config.reconciliationApprovals;
        const decision = decideApproval(row, operator.actor, approvals, options.seen);
        refuse(id, decision);
        const changed = decision.kind === "approve";
        if (changed) {
          const action = row.action!;
          const mendKey = await keyFor(tx, row, action);
          await approveAction(tx, { id, action, by: operator.actor, mendKey });
          if (action === "explain") await endDiscrepancy(tx, id, "EXPLAINED", null);
          await options.inTransaction?.(tx);
          await noteDone(tx, action);
        }
        return { result: changed, changed };
      }),
  );
  await goOn(deps, id, operator);
  return { discrepancy: (await readDiscrepancy(deps.db, id))!, changed };
}

/** Most that are gone on with at once. */
const together = 100;

/**
 * Goes on with everything that was approved and is not mended yet. Done again it changes nothing: each step has a guard
 * or a key by which it counts once. One that fails keeps no other from being mended, but where all of a page do nobody goes
 * on.
 *
 * @returns how many are still to be mended
 * @throws what the first one that failed has thrown, once no other is left
 */
export async function goOnMending(deps: MendingDeps, operator: Operator): Promise<number> {
  let left = 0;
  const failures: unknown[] = [];
  for (let afterId = 0;;) {
    const rows = await listDiscrepancies(deps.db, {
      filter: { state: "open", approved: true },
      afterId,
      limit: together,
    });
    if (rows.length === 0) {
      if (failures.length > 0) throw failures[0];
      return left;
    }
    const before = failures.length;
    for (const { id } of rows) {
      await goOn(deps, id, operator).catch((error) => failures.push(error));
      if ((await readDiscrepancy(deps.db, id))!.state === "open") left++;
    }
    if (failures.length - before === rows.length) throw failures[0];
    afterId = rows.at(-1)!.id;
  }
}

async function goOn(deps: MendingDeps, id: number, operator: Operator): Promise<void> {
  const rules = lineRules(deps.config.reconciliationDays);
  const look = () => lookAgain(deps.db, { rules, filter: { id } });
  await look();
  const row = (await readDiscrepancy(deps.db, id))!;
  if (row.state !== "open" || row.approvedBy === null) return;
  await carryOut(deps, row, operator);
  await look();
}

/**
 * The key of the refund that mends it, where one is made directly at the provider: another one where that was refused, and what was
 * refused stays known whatever is done otherwise.
 */
async function keyFor(
  tx: Queryable,
  row: DiscrepancyRow,
  action: DiscrepancyAction,
): Promise<string | null> {
  const amountCents = directlyBack(row);
  if (amountCents === null || row.chargeRef === null) return null;
  if (action !== "give_back") return row.mendKey;
  if (row.mendKey !== null) return keyAfterRefusal(row.mendKey);
  const { provider, chargeRef, entry, movement, movementKey } = row;
  const cameBackUnder = movement === "unmended" ? movementKey : null;
  const money = { provider, chargeRef, entry, amountCents, cameBackUnder };
  let key = mendKeyOf(await readInstallation(tx), money);
  // What is open again, or was found anew, is another discrepancy: under the keys of the one before it was asked for already.
  while (await readMendedBy(tx, key) !== undefined) key = keyAfterRefusal(key);
  return key;
}

/** @throws {WorkflowError} `discrepancy_not_mendable` where its report is being taken back; locks the report's row */
async function refuseWithdrawn(tx: Queryable, row: DiscrepancyRow): Promise<void> {
  const report = await readReconciliation(tx, row.reconciliationId, { lock: true });
  if (report?.state !== "WITHDRAWING") return;
  const because = `the report that found it, ${report.id}, is being taken back`;
  refuse(row.id, { kind: "refused", because });
}

/** @throws {WorkflowError} `discrepancy_not_mendable` where only a note can end it, and there is none */
function firstOffered(
  deps: MendingDeps,
  row: DiscrepancyRow,
  note: string | null,
): DiscrepancyAction {
  const isConfigured = gatewayNamed(deps, row.provider) !== undefined;
  const [first] = offeredActions(row, isConfigured);
  if (first === "explain" && note === null && !isConfigured) {
    const because =
      `"${row.provider}" is not configured here: it can only be explained, with a note`;
    refuse(row.id, { kind: "refused", because });
  }
  return first!;
}

async function lockDiscrepancy(tx: Queryable, id: number): Promise<DiscrepancyRow> {
  const row = await readDiscrepancy(tx, id, { lock: true });
  if (row === undefined) throw new WorkflowError("not_found", `There is no discrepancy ${id}`);
  return row;
}

/** @throws {WorkflowError} `discrepancy_not_mendable`, or `invalid` where it is not said what is approved */
function refuse(id: number, decision: ActionDecision): void {
  if (decision.kind === "unsaid") {
    throw new WorkflowError("invalid", `Discrepancy ${id}: ${decision.because}`);
  }
  if (decision.kind !== "refused") return;
  throw new WorkflowError(
    "discrepancy_not_mendable",
    `Cannot mend discrepancy ${id}: ${decision.because}`,
  );
}

/** @throws {WorkflowError} `invalid` */
function noteOf(given: string | null): string | null {
  const note = trimmedReason(given);
  const fault = note === null ? undefined : reasonFault(note);
  if (fault !== undefined) throw new WorkflowError("invalid", `The note ${fault}`);
  return note;
}
