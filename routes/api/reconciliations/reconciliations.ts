/**
 * Holding providers' books against ours over HTTP.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import {
  listReconciliations,
  readReconciliation,
} from "../../../db/reconciliation/reconciliations.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, pageOf } from "../../../domain/paging.ts";
import {
  beginReconciling,
  type ReconcileRequest,
} from "../../../services/reconciliation/reconcile.ts";
import { readReportProfile } from "../../../services/reconciliation/report_profile_schema.ts";
import { gatewaysOf } from "../../../streams/payments/gateways.ts";
import type { AppDeps } from "../../deps.ts";
import { checked, idParam, isJson } from "../../middleware/checked.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { described, type Description } from "../description/described.ts";
import { addPagedList } from "../description/paged_list.ts";
import { pageQuery } from "../description/queries.ts";
import type { UploadedFile } from "../imports/multipart.ts";
import { openUpload } from "../imports/upload.ts";
import { addDiscrepancies } from "./discrepancies.ts";
import { keepRunning } from "./keep_running.ts";
import {
  providerDayJson,
  providerDaysAnswer,
  providerDaysExample,
  reconciliationAnswer,
  reconciliationExample,
  reconciliationJson,
  reconciliationListAnswer,
} from "./reconciliation_answers.ts";
import { listedBody, reconcileQuery } from "./reconciliation_requests.ts";
import { addReportActions } from "./report_actions.ts";

/** Days of providers that are shown, the latest. */
const daysShown = 200;

/** A report in the native form, for the description. */
const reportExample =
  "entry_id,kind,created_utc,charge_id,refund_id,key,reference,gross_cents,fee_cents,net_cents,currency\n" +
  "txn_1,charge,2026-01-05 10:00:00,ch_1,,,1001,1250,44,1206,EUR\n";

const uploadDescription: Description = {
  summary: "Holds a payment provider's books against ours",
  description:
    "By its report, which is read to its end before anything is written, or by its own list, where it has one: then the " +
    'body is JSON and names the days, such as `{"from": "2026-01-31"}`, and `to`. The answer comes once it has begun, and it goes on by itself. The same report again is the ' +
    "same reconciliation, and changes nothing.",
  tag: "Reconciliation",
  scopes: ["refunds"],
  answers: {
    202: {
      says: "It has begun",
      schema: reconciliationAnswer,
      example: { ...reconciliationExample, state: "RUNNING", finished_at: null },
      located: true,
    },
  },
  problems: [415, "invalid"],
  body: {
    "text/csv": { example: reportExample },
    "application/gzip": {
      schema: { type: "string", format: "binary" },
      example: "the same, packed",
    },
    "multipart/form-data": {
      schema: {
        type: "object",
        required: ["file"],
        properties: {
          profile: {
            type: "string",
            description: "A profile's JSON document, which must stand before the file",
          },
          file: { type: "string", format: "binary" },
        },
      },
      example: { file: reportExample },
    },
  },
};

/** `POST /reconciliations`, `GET /reconciliations`, `GET /reconciliations/{id}`, and their discrepancies. */
export function reconciliationRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  addStart(app, deps);
  addList(app, deps);
  addDetail(app, deps);
  addReportActions(app, deps);
  addDays(app, deps);
  addDiscrepancies(app, deps);
  return app;
}

function addStart(app: Hono, deps: AppDeps): void {
  app.post(
    "/reconciliations",
    described(uploadDescription),
    checked("query", reconcileQuery),
    async (c) => {
      const { provider, from, to, name, sheet } = c.req.valid("query");
      const isListed = isJson(c.req.header("content-type"));
      const days = isListed ? await listedDays(c) : {
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      };
      const upload = isListed
        ? undefined
        : await openUpload(c, deps, Object.keys(reconcileQuery.shape));
      const { id, finished } = await beginReconciling(
        { ...deps, ...gatewaysOf(deps.config) },
        {
          provider: provider ?? deps.config.gateway,
          period: days,
          operator: operatorOf(c, deps.config),
          ...(upload === undefined ? {} : {
            report: reportOf(upload, { called: name, sheet }),
          }),
          ...(deps.stopping === undefined ? {} : { signal: deps.stopping }),
        },
      );
      keepRunning(deps, id, finished);
      const row = (await readReconciliation(deps.db, id))!;
      c.header("location", `/reconciliations/${id}`);
      return c.json(reconciliationJson(row), 202);
    },
  );
}

/**
 * The report of an upload, by the profile that stands before it in its form.
 *
 * @throws {WorkflowError} `invalid` for what is no profile
 */
export function reportOf(
  { source, name, profile }: UploadedFile,
  { called, sheet }: { called?: string | undefined; sheet?: string | undefined } = {},
): NonNullable<ReconcileRequest["report"]> {
  return {
    source,
    name: called ?? (name || "report"),
    ...(sheet ? { sheet } : {}),
    // A form sends a file that nobody chose as nothing.
    ...(profile ? { profile: readReportProfile(profile) } : {}),
  };
}

/** @throws {WorkflowError} `invalid` */
async function listedDays(c: Context): Promise<{ from: string; to?: string }> {
  const body: unknown = await c.req.json().catch(() => undefined);
  const read = listedBody.safeParse(body);
  if (!read.success) {
    const faults = read.error.issues.map(({ path, message }) => ({
      at: `#/${path.join("/")}`,
      detail: message,
    }));
    throw new WorkflowError("invalid", "The body does not name the days", faults);
  }
  const { from, to } = read.data;
  return { from, ...(to === undefined ? {} : { to }) };
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/reconciliations", {
    summary: "Lists reconciliations, the newest first",
    tag: "Reconciliation",
    page: {
      schema: reconciliationListAnswer,
      example: { data: [reconciliationExample], next_cursor: null },
    },
    query: pageQuery,
    read: async (db, _filters, { cursor, limit }) => {
      const beforeId = cursor === undefined ? null : decodeCursor("reconciliations", cursor);
      const rows = await listReconciliations(db, { beforeId, limit: limit + 1 });
      const { data, nextCursor } = pageOf("reconciliations", rows, limit);
      return { data: data.map(reconciliationJson), nextCursor };
    },
  });
}

function addDetail(app: Hono, { db }: AppDeps): void {
  app.get(
    "/reconciliations/:id",
    described({
      summary: "Shows a reconciliation with its counts",
      tag: "Reconciliation",
      scopes: ["read"],
      answers: {
        200: {
          says: "The reconciliation",
          schema: reconciliationAnswer,
          example: reconciliationExample,
        },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const row = await readReconciliation(db, id);
      if (row === undefined) {
        throw new WorkflowError("not_found", `There is no reconciliation ${id}`);
      }
      return c.json(reconciliationJson(row));
    },
  );
}

function addDays(app: Hono, { db }: AppDeps): void {
  app.get(
    "/provider-days",
    described({
      summary: "Shows what providers' days come to by their reports: fees and net by day",
      tag: "Reconciliation",
      scopes: ["read"],
      answers: {
        200: {
          says: "The latest days, the newest first",
          schema: providerDaysAnswer,
          example: providerDaysExample,
        },
      },
    }),
    async (c) => c.json({ data: (await listProviderDays(db, daysShown)).map(providerDayJson) }),
  );
}
