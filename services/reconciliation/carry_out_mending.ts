/**
 * Carries out what was approved about a discrepancy, step by step: what was done before is seen, and not done again.
 *
 * @module
 */

import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import {
  dropAction,
  endByAction,
  noteAnswer,
} from "../../db/reconciliation/discrepancy_actions.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { refusedKeysOf } from "../../domain/payment/payment_key.ts";
import { canBeAskedAbout, isOfBank } from "../../domain/reconciliation/discrepancy.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { askAboutReturn } from "./mend_by_recording_again.ts";
import { askAboutCharge, askAboutChargeback, askAboutRefund } from "./mend_by_asking.ts";
import { giveBackByOrder, giveBackDirectly } from "./mend_by_giving_back.ts";
import { recordTheirs } from "./mend_by_recording.ts";
import { cantBeAsked, type MendingDeps, type Step } from "./mending_step.ts";

/** Characters of an answer that are kept. */
const maxAnswer = 255;

/**
 * Takes the next step of what was approved. Money moves by nothing but what moves it anyway: the provider's answer to a
 * charge, the verdict about a disputed payment, a refund under its own key.
 */
export async function carryOut(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<void> {
  const step = await nextStep(deps, row, operator);
  const answer = cutText(step.answer, maxAnswer);
  switch (step.kind) {
    case "ended":
      await endByAction(deps.db, row, step.state, answer);
      break;
    case "goes_on":
      await noteAnswer(deps.db, row, answer);
      break;
    case "withdrawn":
      await deps.db.transaction((tx) =>
        dropAction(tx, row, answer, refusedKey(row, step.isRefusal === true))
      );
  }
}

/** The last key under which its provider has refused to give it back: approved again it is asked for under another one. */
function refusedKey({ action, mendKey }: DiscrepancyRow, isRefusal: boolean): string | null {
  if (mendKey === null || action !== "give_back" || isRefusal) return mendKey;
  return refusedKeysOf(mendKey).at(-1) ?? null;
}

/** Whether it is what came back as our books say, and no report tells. */
function cameBackByOurs({ kind, movement }: DiscrepancyRow): boolean {
  return kind === "missing_with_them" && (movement === "returned" || movement === "unreversed");
}

async function nextStep(
  deps: MendingDeps,
  row: DiscrepancyRow,
  operator: Operator,
): Promise<Step> {
  try {
    switch (row.action) {
      case "record":
        return await recordTheirs(deps, row, operator);
      case "give_back":
        return row.mendKey === null
          ? await giveBackByOrder(deps, row, operator)
          : await giveBackDirectly(deps, row);
      case "ask":
        if (row.kind === "missing_with_them" && isOfBank(row.movement)) {
          return await askAboutChargeback(deps, row, operator);
        }
        if (cameBackByOurs(row)) return await askAboutReturn(deps, row, operator);
        if (!canBeAskedAbout(row.movement)) return cantBeAsked(row.provider);
        return row.movement === "charge"
          ? await askAboutCharge(deps, row)
          : await askAboutRefund(deps, row, operator);
      case "explain":
      case null:
        return { kind: "withdrawn", answer: "nothing is to be done" };
    }
  } catch (error) {
    if (!(error instanceof WorkflowError) || error.code === "unavailable") throw error;
    return { kind: "withdrawn", answer: messageOf(error) };
  }
}
