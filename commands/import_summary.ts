/**
 * What came of an import as text for a terminal.
 *
 * @module
 */

import type { ImportMoney } from "../domain/import/import_money.ts";
import type { RejectReason } from "../domain/import/reject_reasons.ts";
import { formatMoney } from "../domain/money.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import { counted } from "../domain/text/plural.ts";
import { type ImportReport, tookNothing } from "../streams/imports/orders_import.ts";
import { formatTable, indent, right } from "./table.ts";

/** The report for people. */
export function importSummary(
  report: ImportReport,
  reasons: readonly RejectReason[],
  notes: { dryRun: boolean; rejectsPath: string | undefined },
): string {
  const rate = report.seconds > 0 ? Math.round(report.rows / report.seconds) : report.rows;
  const counts: [string, number, string?][] = [
    ["new", report.orders_new],
    ["updated", report.orders_updated],
    ["unchanged", report.orders_unchanged],
    ["rejected", report.orders_rejected],
    ["conflict", report.orders_conflict],
    ...(report.orders_skipped === undefined
      ? []
      : [["skipped", report.orders_skipped] as [string, number]]),
    ["published", report.published],
  ];
  const width = Math.max(...counts.map(([, value]) => formatCount(value).length));
  const lines = [
    `${notes.dryRun ? "Dry run, nothing was changed: " : ""}${counted(report.rows, "row")}, ` +
    `${counted(report.orders, "order")} in ${report.seconds} s (${formatCount(rate)} rows/s)`,
    ...counts.map(([what, value]) => `  ${what.padEnd(10)} ${formatCount(value).padStart(width)}`),
  ];
  if (report.money !== undefined && report.money.length > 0) {
    lines.push(...moneyTable(report.money));
  }
  lines.push(...reasonLines(reasons, report.rows_rejected));
  if (report.rows_rejected > 0 && notes.rejectsPath === undefined) {
    lines.push("  --rejects=FILE writes them to a file");
  }
  if (notes.rejectsPath !== undefined) lines.push(`Rejects file: ${notes.rejectsPath}`);
  if (tookNothing(report)) {
    lines.push(`None of the file's orders ${notes.dryRun ? "would be" : "was"} taken`);
  }
  return lines.join("\n");
}

/** What the orders are worth: a unit that is wrong by a hundred shows here before it is charged. */
export function moneyTable(money: readonly ImportMoney[]): string[] {
  const table = formatTable(
    [{ heading: "currency" }, ...["orders", "sum", "smallest", "median", "largest"].map(right)],
    money.map(({ currency, orders, sum_cents, smallest_cents, median_cents, largest_cents }) => [
      currency,
      formatCount(orders),
      ...[sum_cents, smallest_cents, median_cents, largest_cents]
        .map((cents) => formatMoney(cents, currency)),
    ]),
  );
  return [
    "Money of the orders that would be taken or are known:",
    indent(table),
  ];
}

/** Ends the reason of amounts in units of the currency, where minor ones are expected. */
const inMinorUnits = ": write minor units";

const unitsRemedy =
  "  A file with all amounts in units of the currency (12.50) is read by --profile=native: see --preview --profile=native";

/** Reasons that are named: the rejects file has them all. */
const reasonsShown = 10;

/** Why rows are not taken: the most frequent reasons, each with its first line, the value there and how many like it. */
export function reasonLines(reasons: readonly RejectReason[], rowsRejected: number): string[] {
  if (rowsRejected === 0) return [];
  const are = rowsRejected === 1 ? "row is a reject" : "rows are rejects";
  const these = reasons.length === 1 ? "this reason" : "these reasons";
  const left = reasons.length - reasonsShown;
  return [
    `${formatCount(rowsRejected)} ${are}, for ${these}:`,
    ...reasons.slice(0, reasonsShown).map(({ reason, example, rows, line }) => {
      const like = rows > 1 ? `, ${formatCount(rows - 1)} more like it` : "";
      return `  ${formatCount(rows)} × ${visibleText(example ?? reason)} (line ${line}${like})`;
    }),
    ...(left > 0 ? [`  and ${counted(left, "other reason")}`] : []),
    ...(reasons.some(({ reason }) => reason.endsWith(inMinorUnits)) ? [unitsRemedy] : []),
  ];
}
