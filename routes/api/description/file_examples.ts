/**
 * Examples for the OpenAPI document: files, as they come and go.
 *
 * @module
 */

import { rejectColumns } from "../../../domain/import/csv_columns.ts";
import { importColumns } from "../../../domain/import/csv_rows.ts";
import { csvLine } from "../../../domain/import/csv_text.ts";
import { events } from "../events/event_examples.ts";
import { doneImport, runningImport } from "../imports/import_examples.ts";

const row = [
  "web-1",
  "2026-01-05 10:00:00",
  "EUR",
  "c-7",
  "ann@example.com",
  "Ann",
  "MUG",
  "Mug",
  1_250,
];

/** Files, as they come and go. */
export const files = {
  import: csvLine(importColumns) + csvLine([...row, 2]),
  rejects: "\ufeff" + csvLine([...importColumns, ...rejectColumns]) +
    csvLine([...row, 0, 2, "qty must be an integer 1…1000000"]),
  stock: csvLine(["sku", "set_qty"]) + csvLine(["BOWL", 48]),
  progress: `event: progress\ndata: ${JSON.stringify(runningImport)}\n\n` +
    `event: end\ndata: ${JSON.stringify(doneImport)}\n\n`,
  events: `id: ZXZlbnRzOjE3MDUuMTEuMA\nevent: order.paid\ndata: ${JSON.stringify(events.paid)}\n\n`,
  metrics: "# HELP orders_group_backlog Messages that wait\n# TYPE orders_group_backlog gauge\n" +
    'orders_group_backlog{group="payments"} 1942\n',
} as const;
