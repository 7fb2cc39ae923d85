/**
 * Orders, refunds and figures as CSV files.
 *
 * @module
 */

import { Hono } from "hono";
import { daysBefore } from "../../../domain/kpi/day.ts";
import { emptyKpiRow } from "../../../domain/kpi/kpi.ts";
import { readAdjustmentSums } from "../../../db/orders/order_lines.ts";
import { listRefunds } from "../../../db/refunds/refund_list.ts";
import { readKpis } from "../../../streams/kpis/kpis.ts";
import { checked } from "../../middleware/checked.ts";
import { csvDownload } from "./csv_download.ts";
import { type AppDeps, readsOf } from "../../deps.ts";
import { described } from "../description/described.ts";
import { rangeOf } from "../kpis/kpis.ts";
import { moneyColumns } from "./money_columns.ts";
import { orderFinder } from "../orders/find_orders.ts";
import { orderFileColumns, orderJson } from "../orders/order_fields.ts";
import { listedRefundJson } from "../orders/order_json.ts";
import { refundFilterOf } from "../refunds/refund_filter.ts";
import { daysQuery, orderFileQuery, refundFileQuery } from "../description/queries.ts";

/** Rows to one page: some 200 kB. */
const pageRows = 1_000;

/** Days to one page, each with a row for every currency. */
const pageDays = 100;

const refundColumns = [
  "id",
  "order_id",
  "external_order_id",
  "customer_external_id",
  "customer_name",
  "amount_cents",
  "currency",
  "reason",
  "status",
  "failure_reason",
  "idempotency_key",
  "processed_at",
  "created_at",
  "recipient_name",
  "by_hand",
] as const;

const kpiColumns = Object.keys(emptyKpiRow("", ""));

/** What the OpenAPI document says of each file. */
export const aboutFiles =
  "RFC 4180 with CRLF and a header, UTF-8; times in ISO 8601 UTC, money in integer minor units. Text that a " +
  "spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return) has " +
  "an apostrophe in front. The file is whole if the connection ended in order: an error breaks it off, and so does " +
  "reading nothing for 30 seconds. Eight files are sent at once, four to one token; more are answered 503.";

/** Says of a file which columns it has. */
export function fileAnswer(columns: readonly string[]) {
  const example = `${columns.join(",")}\r\n`;
  return { 200: { says: "The file", type: "text/csv", example, file: true } };
}

/** `GET /orders.csv`, `GET /refunds.csv` and `GET /kpis.csv`: the lists of these names, whole. */
export function exportRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  orderFile(app, deps);
  refundFile(app, deps);
  kpiFile(app, deps);
  return app;
}

function orderFile(app: Hono, deps: AppDeps): void {
  const reads = readsOf(deps);
  app.get(
    "/orders.csv",
    described({
      summary: "Orders as a CSV file, the latest first",
      description: `With the filters of \`/orders\`. ${aboutFiles}`,
      tag: "Orders",
      scopes: ["read"],
      answers: fileAnswer(orderFileColumns),
    }),
    checked("query", orderFileQuery),
    async (c) => {
      const find = await orderFinder(deps, c.req.valid("query"));
      return await csvDownload(c, deps, {
        name: "orders.csv",
        columns: orderFileColumns,
        nextPage: pages(async (beforeId) => {
          const found = await find({ beforeId, limit: pageRows });
          const ids = found.orders.map(({ id }) => id);
          const sums = await reads((db) => readAdjustmentSums(db, ids));
          return {
            rows: found.orders.map((order) => {
              const { customer, ...row } = orderJson(order);
              return {
                ...row,
                ...moneyColumns(order.totalCents, sums.get(order.id)),
                customer_id: customer.id,
                customer_external_id: customer.external_id,
                customer_email: customer.email,
                customer_name: customer.name,
              };
            }),
            nextBeforeId: found.nextBeforeId,
          };
        }),
      });
    },
  );
}

function refundFile(app: Hono, deps: AppDeps): void {
  const reads = readsOf(deps);
  app.get(
    "/refunds.csv",
    described({
      summary: "Refunds as a CSV file, the latest first",
      description: `With the filters of \`/refunds\`. ${aboutFiles}`,
      tag: "Refunds",
      scopes: ["read"],
      answers: fileAnswer(refundColumns),
    }),
    checked("query", refundFileQuery),
    (c) => {
      const filter = refundFilterOf(deps, c.req.valid("query"));
      return csvDownload(c, deps, {
        name: "refunds.csv",
        columns: refundColumns,
        nextPage: pages(async (beforeId) => {
          const page = { beforeId, limit: pageRows };
          const found = await reads((db) => listRefunds(db, filter, page));
          return {
            rows: found.refunds.map((refund) => ({
              ...listedRefundJson(refund),
              external_order_id: refund.externalOrderId,
              customer_external_id: refund.customerExternalId,
              customer_name: refund.customerName,
              recipient_name: refund.recipientName,
              by_hand: String(refund.byHand),
            })),
            nextBeforeId: found.nextBeforeId,
          };
        }),
      });
    },
  );
}

function kpiFile(app: Hono, deps: AppDeps): void {
  app.get(
    "/kpis.csv",
    described({
      summary: "The figures of a day, or of a range of days, as a CSV file",
      description: `With the parameters of \`/kpis\`. ${aboutFiles}`,
      tag: "Figures",
      scopes: ["read"],
      answers: fileAnswer(kpiColumns),
    }),
    checked("query", daysQuery),
    (c) => {
      const { from, to } = rangeOf(deps, c.req.valid("query"));
      let next = from;
      return csvDownload(c, deps, {
        name: from === to ? `kpis-${from}.csv` : `kpis-${from}-${to}.csv`,
        columns: kpiColumns,
        nextPage: async () => {
          if (next > to) return undefined;
          const first = next;
          const last = daysBefore(first, 1 - pageDays);
          next = daysBefore(first, -pageDays);
          return (await readKpis(deps, first, last < to ? last : to)).map((row) => ({ ...row }));
        },
      });
    },
  );
}

/** Page after page of a list, from the newest id down, until nothing more can follow. */
function pages<Row>(
  read: (beforeId: number | undefined) => Promise<{
    rows: Row[];
    nextBeforeId: number | undefined;
  }>,
): () => Promise<Row[] | undefined> {
  let beforeId: number | undefined;
  let isOver = false;
  return async () => {
    if (isOver) return undefined;
    const { rows, nextBeforeId } = await read(beforeId);
    beforeId = nextBeforeId;
    isOver = nextBeforeId === undefined;
    return rows;
  };
}
