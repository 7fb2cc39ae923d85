/**
 * Reports that say what customers paid beside what was settled for it, for tests.
 *
 * @module
 */

import { reportFields, type ReportLine } from "../commands/provider_report.ts";
import { nativeColumns } from "../domain/reconciliation/shipped/native.ts";
import { holdCsv, type Reconciled } from "./reconciled.ts";

/** A line whose customer may have paid another currency than it is settled in. */
export interface ConvertedLine extends ReportLine {
  /** Null where the line does not say it. */
  customerCents: number | null;
  customerCurrency: string;
}

/** The report in the native form; with `both: false` it names what was settled alone. */
export function convertedCsv(lines: readonly ConvertedLine[], { both = true } = {}): string {
  const columns = both ? ["customer_cents", "customer_currency"] : [];
  const paid = ({ customerCents, customerCurrency }: ConvertedLine) =>
    both ? [customerCents ?? "", customerCurrency] : [];
  return [
    [...nativeColumns, ...columns],
    ...lines.map((line) => [...reportFields(line), ...paid(line)]),
  ]
    .map((row) => `${row.join(",")}\n`).join("");
}

/** Holds such lines against the books of `simulated`, over the days of the test. */
export function holdConverted(
  provided: Reconciled,
  lines: readonly ConvertedLine[],
  { approvals = 1, both = true } = {},
) {
  return holdCsv({ ...provided, name: "simulated" }, convertedCsv(lines, { both }), approvals);
}
