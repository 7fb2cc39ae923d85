/**
 * Examples for the OpenAPI document: imports.
 *
 * @module
 */

import type { z } from "zod";
import type { importAnswer, importListAnswer } from "../description/answers.ts";

const noCounts = {
  rows: 0,
  rows_rejected: 0,
  orders: 0,
  orders_new: 0,
  orders_updated: 0,
  orders_unchanged: 0,
  orders_rejected: 0,
  orders_conflict: 0,
  orders_skipped: 0,
  published: 0,
};

/** An import that has just begun. */
export const runningImport = {
  id: 7,
  source: "march.csv",
  dry_run: false,
  profile: null,
  plan: null,
  actor: "api:shop",
  status: "RUNNING",
  cancel_requested: false,
  cancelled_by: null,
  error: null,
  reasons: [],
  ...noCounts,
  money: null,
  created_at: "2026-03-31T08:00:00.401277Z",
  finished_at: null,
} satisfies z.input<typeof importAnswer>;

/** The import when it is over. */
export const doneImport = {
  ...runningImport,
  status: "DONE",
  reasons: [
    {
      reason: "qty: must be an integer 1…1000000",
      rows: 3,
      line: 17,
      example: 'qty: must be an integer 1…1000000, not "0"',
    },
    {
      reason: "the order is known with other content and is already PAID",
      rows: 1,
      line: 803,
      example: "the order is known with other content and is already PAID",
    },
  ],
  rows: 3_012,
  rows_rejected: 4,
  orders: 1_000,
  orders_new: 996,
  orders_unchanged: 1,
  orders_rejected: 2,
  orders_conflict: 1,
  published: 996,
  finished_at: "2026-03-31T08:00:00.622934Z",
} satisfies z.input<typeof importAnswer>;

/** The import when somebody wants it to end. */
export const endingImport = {
  ...runningImport,
  cancel_requested: true,
  cancelled_by: "api:shop",
  rows: 1_500,
  orders: 498,
  orders_new: 498,
  published: 498,
} satisfies z.input<typeof importAnswer>;

/** A page of imports, which is the last. */
export const importList = {
  data: [doneImport],
  next_cursor: null,
} satisfies z.input<typeof importListAnswer>;
