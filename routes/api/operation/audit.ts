/**
 * The audit log: what operators did.
 *
 * @module
 */

import { Hono } from "hono";
import { type AuditRow, listAuditLog } from "../../../db/audit/audit_log.ts";
import { decodeCursor, encodeCursor } from "../../../domain/paging.ts";
import type { AppDeps } from "../../deps.ts";
import { addPagedList } from "../description/paged_list.ts";
import { auditList } from "./operation_examples.ts";
import { auditListQuery } from "../description/queries.ts";
import { auditListAnswer } from "./operation_answers.ts";

/** `GET /audit`. */
export function auditRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  addPagedList(app, deps, "/audit", {
    summary: "Lists what operators did and tried to do, the latest first",
    description:
      "By the dashboard, over HTTP and by commands: each action with who, what, on what, when, from where and " +
      "what came of it. `subject` is a kind and an id such as `order:42`. With `from` and `to` a page may have " +
      "less than `limit` entries: there are more until `next_cursor` is null.",
    tag: "Operation",
    scopes: ["admin"],
    page: { schema: auditListAnswer, example: auditList },
    query: auditListQuery,
    read: async (db, filter, { cursor, limit }) => {
      const beforeId = cursor === undefined ? undefined : decodeCursor("audit", cursor);
      const { items, nextBeforeId } = await listAuditLog(db, filter, { beforeId, limit });
      return {
        data: items.map(auditJson),
        nextCursor: nextBeforeId === undefined ? null : encodeCursor("audit", nextBeforeId),
      };
    },
  });
  return app;
}

function auditJson({ id, at, actor, via, address, action, subject, outcome, detail }: AuditRow) {
  return { id, at, actor, via, address, action, subject, outcome, detail };
}
