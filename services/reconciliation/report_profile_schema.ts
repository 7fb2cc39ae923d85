/**
 * What a profile of a provider's report may say, and what is wrong with one that does not.
 *
 * @module
 */

import { z } from "zod";
import { WorkflowError } from "../../domain/errors.ts";
import { delimiters } from "../../domain/import/source_row.ts";
import { isZone } from "../../domain/import/profile/zone_time.ts";
import { lineKinds } from "../../domain/reconciliation/provider_line.ts";
import {
  directedColumns,
  type ReportColumn,
  reportColumns,
  type ReportProfile,
  splitColumns,
  togetherColumns,
} from "../../domain/reconciliation/report_profile.ts";

const named = z.string().trim().min(1).max(255);
const names = z.array(named).min(1).max(20);
/** Of an amount a column may have a sign, as debits beside credits do. */
const signed = z.array(
  z.union([named, z.strictObject({ column: named, sign: z.enum(["+", "-"]) })]),
).min(1).max(20);
/** Several columns may be one together. */
const together = z.array(z.union([named, z.array(named).min(2).max(10)])).min(1).max(20);
const columnsOf = (column: ReportColumn) =>
  splitColumns.some((one) => one === column)
    ? signed
    : togetherColumns.some((one) => one === column)
    ? together
    : names;
const words = z.array(z.string().trim().min(1).max(100)).max(200);

const direction = z.strictObject({ column: named, down: words.min(1) });

const schema = z.strictObject({
  version: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/),
  file: z.strictObject({
    encoding: z.string().trim().min(1).max(40).optional(),
    delimiter: z.enum(delimiters).optional(),
    header_line: z.int().min(1).max(1_000).optional(),
    sheet: z.string().trim().min(1).max(255).optional(),
  }).optional(),
  columns: z.strictObject(
    Object.fromEntries(
      reportColumns.map((column) => [column, columnsOf(column).optional()]),
    ),
  ),
  constants: z.strictObject({ category: named.optional(), currency: named.optional() }).optional(),
  categories: z.strictObject(
    Object.fromEntries(
      lineKinds.filter((kind) => kind !== "other").map((kind) => [kind, words.optional()]),
    ),
  ),
  skip: z.array(z.strictObject({ column: named, words })).max(20).optional(),
  directions: z.strictObject(
    Object.fromEntries(directedColumns.map((column) => [column, direction.optional()])),
  ).optional(),
  money: z.strictObject({
    in: z.enum(["units", "minor"]).optional(),
    decimal: z.enum([".", ","]).optional(),
    fees: z.enum(["kept", "signed"]).optional(),
  }).optional(),
  time: z.strictObject({
    order: z.enum(["ymd", "dmy", "mdy"]).optional(),
    zone: z.string().refine(isZone, "is no time zone, such as Europe/Berlin").optional(),
    numbers: z.enum(["spreadsheet", "unix"]).optional(),
  }).optional(),
});

/**
 * Reads a profile of a report.
 *
 * @throws {WorkflowError} `invalid` with everything that is wrong with it
 */
export function readReportProfile(text: string): ReportProfile {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new WorkflowError("invalid", "The profile is no JSON");
  }
  const read = schema.safeParse(document);
  if (read.success) return read.data as ReportProfile;
  const faults = read.error.issues.map(({ path, message }) => ({
    at: `#/${path.join("/")}`,
    detail: message,
  }));
  const [first] = faults;
  throw new WorkflowError("invalid", `The profile: ${first!.at} ${first!.detail}`, faults);
}
