/**
 * What is done about a report that was read, over HTTP: taking it back, and approving it.
 *
 * @module
 */

import type { Hono } from "hono";
import { approveReport } from "../../../services/reconciliation/approve_report.ts";
import {
  beginWithdrawing,
  goOnWithdrawing,
} from "../../../services/reconciliation/withdraw_report.ts";
import type { AppDeps } from "../../deps.ts";
import { checked, idParam, jsonBody } from "../../middleware/checked.ts";
import { type AnswerOnce, idempotency, idempotencyHeaders } from "../../middleware/idempotency.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { described } from "../description/described.ts";
import { keepRunning } from "./keep_running.ts";
import {
  reconciliationAnswer,
  reconciliationExample,
  reconciliationJson,
} from "./reconciliation_answers.ts";
import { reportApprovalBody } from "./reconciliation_requests.ts";

/** `POST /reconciliations/{id}/withdraw` and `POST /reconciliations/{id}/approve`. */
export function addReportActions(app: Hono, deps: AppDeps): void {
  const answerOnce = idempotency(deps);
  addWithdraw(app, deps, answerOnce);
  addApprove(app, deps, answerOnce);
}

function addWithdraw(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/reconciliations/:id/withdraw",
    described({
      summary: "Takes a report back that was read by mistake",
      description:
        "As if it had never been brought; it goes on by itself, and after a crash as well. What is open of it goes, what " +
        "was mended or explained stays with a note, and fees that were booked are booked back. What other reports have " +
        "told as well is theirs; those that told otherwise are `FAILED` until they are brought again. Where " +
        "RECONCILIATION_APPROVALS is 2, the first request only asks for it, and somebody else's does it.",
      tag: "Reconciliation",
      scopes: ["refunds"],
      answers: {
        202: {
          says: "It is being taken back, or asked for: see `state`",
          schema: reconciliationAnswer,
          example: {
            ...reconciliationExample,
            state: "WITHDRAWING",
            withdrawal_by: "api:finance",
            withdrawal_at: "2026-02-01T09:00:00.000000Z",
          },
        },
      },
      problems: ["not_found", "reconciliation_conflict"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      return answerOnce(c, ["withdraw report", id], async () => {
        const row = await beginWithdrawing(deps, id, operatorOf(c, deps.config));
        keepRunning(deps, id, goOnWithdrawing(deps, id));
        return { status: 202, location: null, body: reconciliationJson(row), stored: false };
      });
    },
  );
}

function addApprove(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/reconciliations/:id/approve",
    described({
      summary:
        "Approves a report that somebody else has brought, and books its fees, payouts and the like",
      description:
        "Where RECONCILIATION_APPROVALS is 2, `fees`, `payouts`, `reserves`, `adjustments` and `conversions` wait for it. `finished_at` says what was looked at.",
      tag: "Reconciliation",
      scopes: ["refunds"],
      answers: {
        200: {
          says: "It is approved, now or before",
          schema: reconciliationAnswer,
          example: {
            ...reconciliationExample,
            fees: { EUR: 1750 },
            payouts: { EUR: 30000 },
            reserves: {},
            adjustments: {},
            conversions: {},
            approved_by: "api:owner",
            approved_at: "2026-02-01T09:00:00.000000Z",
          },
        },
      },
      problems: [415, "invalid", "not_found", "reconciliation_conflict"],
      example: { finished_at: reconciliationExample.finished_at },
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody(),
    checked("json", reportApprovalBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { finished_at: finishedAt } = c.req.valid("json");
      return answerOnce(c, ["approve report", id, finishedAt], async () => {
        const row = await approveReport(deps, id, operatorOf(c, deps.config), { finishedAt });
        return { status: 200, location: null, body: reconciliationJson(row), stored: false };
      });
    },
  );
}
