/**
 * Discrepancies over HTTP: what is open, and mending it.
 *
 * @module
 */

import type { Hono } from "hono";
import { listDiscrepancies, readDiscrepancy } from "../../../db/reconciliation/discrepancies.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, pageOf } from "../../../domain/paging.ts";
import {
  approveMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import { gatewaysOf } from "../../../streams/payments/gateways.ts";
import type { AppDeps } from "../../deps.ts";
import { checked, idParam } from "../../middleware/checked.ts";
import { type AnswerOnce, idempotency, idempotencyHeaders } from "../../middleware/idempotency.ts";
import { jsonBody } from "../../middleware/checked.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { described } from "../description/described.ts";
import { addPagedList } from "../description/paged_list.ts";
import {
  discrepancyAnswer,
  discrepancyExample,
  discrepancyJson,
  discrepancyListAnswer,
} from "./reconciliation_answers.ts";
import { approvalBody, discrepancyQuery, mendingBody } from "./reconciliation_requests.ts";

/** `GET /discrepancies`, `GET /discrepancies/{id}`, `POST …/{id}/mend` and `POST …/{id}/approve`. */
export function addDiscrepancies(app: Hono, deps: AppDeps): void {
  const answerOnce = idempotency(deps);
  addList(app, deps);
  addDetail(app, deps);
  addMend(app, deps, answerOnce);
  addApprove(app, deps, answerOnce);
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/discrepancies", {
    summary: "Lists what providers' books and ours do not agree about, the oldest first",
    tag: "Reconciliation",
    page: {
      schema: discrepancyListAnswer,
      example: { data: [discrepancyExample], next_cursor: null },
    },
    query: discrepancyQuery,
    read: async (db, query, { cursor, limit }) => {
      const { order: orderId, reconciliation: reconciliationId, ...others } = query;
      const filter = Object.fromEntries(
        Object.entries({ ...others, orderId, reconciliationId })
          .filter(([, value]) => value !== undefined),
      );
      const afterId = cursor === undefined ? 0 : decodeCursor("discrepancies", cursor);
      const rows = await listDiscrepancies(db, { filter, afterId, limit: limit + 1 });
      const { data, nextCursor } = pageOf("discrepancies", rows, limit);
      return { data: data.map((row) => discrepancyJson(row, deps.config)), nextCursor };
    },
  });
}

function addDetail(app: Hono, { db, config }: AppDeps): void {
  app.get(
    "/discrepancies/:id",
    described({
      summary: "Shows a discrepancy, whatever became of it",
      tag: "Reconciliation",
      scopes: ["read"],
      answers: {
        200: { says: "The discrepancy", schema: discrepancyAnswer, example: discrepancyExample },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const row = await readDiscrepancy(db, id);
      if (row === undefined) {
        throw new WorkflowError("not_found", `There is no discrepancy ${id}`);
      }
      return c.json(discrepancyJson(row, config));
    },
  );
}

function addMend(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/discrepancies/:id/mend",
    described({
      summary: "Proposes how a discrepancy is mended",
      description:
        "By one of its `actions`, the first where the body names none. Where RECONCILIATION_APPROVALS is 1 it is " +
        "carried out at once; with 2 it waits for somebody else's approval. What can't be done at once goes on by itself, " +
        "and `answer` says how far it is.",
      tag: "Reconciliation",
      scopes: ["refunds"],
      answers: {
        200: {
          says: "It is proposed, now or before",
          schema: discrepancyAnswer,
          example: { ...discrepancyExample, action: "give_back", proposed_by: "api:finance" },
        },
      },
      problems: [415, "invalid", "not_found", "discrepancy_not_mendable"],
      example: { action: "explain", note: "seen at the bank" },
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", mendingBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { action, note = null } = c.req.valid("json");
      return answerOnce(c, ["mend", id, action ?? null, note], async () => {
        const wish = { id, note, ...(action === undefined ? {} : { action }) };
        const { discrepancy } = await proposeMending(
          { ...deps, ...gatewaysOf(deps.config) },
          wish,
          operatorOf(c, deps.config),
        );
        const body = discrepancyJson(discrepancy, deps.config);
        return { status: 200, location: null, body, stored: false };
      });
    },
  );
}

function addApprove(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/discrepancies/:id/approve",
    described({
      summary: "Approves what somebody else proposed about a discrepancy, and carries it out",
      description:
        "Say which `action` you approve, and `proposed_at`: whoever proposed it may propose another one at any moment. Where " +
        "RECONCILIATION_APPROVALS is 2 both are needed.",
      tag: "Reconciliation",
      scopes: ["refunds"],
      answers: {
        200: {
          says: "It is approved, now or before",
          schema: discrepancyAnswer,
          example: { ...discrepancyExample, action: "give_back", approved_by: "api:owner" },
        },
      },
      problems: [415, "invalid", "not_found", "discrepancy_not_mendable"],
      example: { action: "explain", proposed_at: "2026-01-06T09:00:00.000000Z" },
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", approvalBody),
    (c) => {
      const { id } = c.req.valid("param");
      const { action, proposed_at: proposedAt } = c.req.valid("json");
      const seen = {
        ...(action === undefined ? {} : { action }),
        ...(proposedAt === undefined ? {} : { proposedAt }),
      };
      // Without a body it is the request that it was before there could be one.
      const said = action === undefined && proposedAt === undefined ? [] : [seen];
      return answerOnce(c, ["approve mending", id, ...said], async () => {
        const { discrepancy } = await approveMending(
          { ...deps, ...gatewaysOf(deps.config) },
          id,
          operatorOf(c, deps.config),
          { seen },
        );
        const body = discrepancyJson(discrepancy, deps.config);
        return { status: 200, location: null, body, stored: false };
      });
    },
  );
}
