/**
 * `deno task import`: a CSV file into orders.
 *
 * @module
 */

import { resolve } from "node:path";
import { isatty } from "node:tty";
import type { ImportMoney } from "../domain/import/import_money.ts";
import { formatMoney } from "../domain/money.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { importFile } from "../services/import_file.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { type ImportReport, tookNothing } from "../streams/imports/orders_import.ts";
import { type Command, readOptions } from "./command.ts";
import { withContext } from "./context.ts";
import { readSettings } from "./engine_settings.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { print } from "./print.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { refuseOtherPlaces } from "./refuse_other_places.ts";
import { importProgressBar } from "./import_progress.ts";
import { countReasons, reasonLines, type RejectReasons } from "./reject_reasons.ts";
import { openSourceFile, openStandardInput, refuseOverwriting } from "./source_file.ts";
import { formatTable, indent, right } from "./table.ts";

const command: Command = {
  summary: "Imports the orders of a CSV file and publishes them to the consumers.",
  help: `
Usage: deno task import FILE [--dry-run] [--initial-stock=N] [--rejects=FILE] [--keep-good-rows]
  [--replace] [--json]

  FILE               UTF-8 CSV, plain or .gz; - for standard input
  --dry-run          check the file and compare it with the database; change nothing, and tell the money
  --initial-stock=N  units of products that are new (default: INITIAL_STOCK)
  --rejects=FILE     write all rows of orders of which a row was not taken to FILE, with line and reason
  --keep-good-rows   leave bad rows out instead of rejecting their whole orders
  --replace          let the file take items away from known orders that are still PENDING, and change
                     those that are RESERVED
  --json             print the counts as one line of JSON

The header is required; columns may be in any order and case, others are ignored:
  external_order_id, order_placed_at, currency, customer_id, customer_email, customer_name,
  product_sku, product_name, unit_price_cents, qty
and of an order as a whole, as far as the file has them:
  shipping_cents, tax_cents, tax_included, discount_cents, tip_cents, fee_cents, order_total_cents,
  payment_status, payment_provider, payment_reference, language

Importing a file again is safe: known orders are recognised. Exit code 0 if the file was imported, even
if rows were rejected; 1 if none of its orders was taken, or if it was refused and nothing was changed.`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["dry-run", "keep-good-rows", "replace", "json"],
      string: ["initial-stock", "rejects"],
      positionals: [1, 1],
    });
    const [name] = options.positionals;
    const initialStock = options.integer("initial-stock", 0, 1_000_000_000);
    const path = (given: string) => resolve(env.INIT_CWD ?? "", given);
    const source = name === "-" ? openStandardInput() : await openSourceFile(path(name!), name!);
    const rejects = options.text("rejects");
    const rejectsPath = rejects === undefined ? undefined : path(rejects);
    if (rejectsPath !== undefined) {
      await refuseOverwriting(source, rejectsPath, `--rejects=${rejects}`);
    }
    refuseOtherPlaces(await readSettings(env));
    return await withContext(env, async (context) => {
      await refuseDanger(context);
      if (!options.flag("dry-run")) {
        await guardDatabase(context);
        await refuseBesideOlder(context);
      }
      const reasons: RejectReasons = new Map();
      const bar = isatty(2) ? importProgressBar(source.bytes) : undefined;
      try {
        const report = await importFile(context, source.readable, {
          name: name === "-" ? "standard input" : name!,
          initialStock,
          dryRun: options.flag("dry-run"),
          keepGoodRows: options.flag("keep-good-rows"),
          replace: options.flag("replace"),
          rejectsPath,
          onProgress: bar?.draw,
          onRejected: (rows) => countReasons(reasons, rows),
        });
        bar?.clear();
        if (options.flag("json")) print(JSON.stringify(report));
        else {
          const notes = { dryRun: options.flag("dry-run"), rejectsPath: rejects };
          print(importSummary(report, reasons, notes));
        }
        if (report.published > 0) await tellIfNobodyWorks(context);
        return tookNothing(report) ? 1 : 0;
      } finally {
        bar?.clear();
      }
      // A dry run changes nothing, the schema neither.
    }, { migrates: !options.flag("dry-run") });
  },
};

export default command;

/** The report for people. */
function importSummary(
  report: ImportReport,
  reasons: ReadonlyMap<string, number>,
  notes: { dryRun: boolean; rejectsPath: string | undefined },
): string {
  const rate = report.seconds > 0 ? Math.round(report.rows / report.seconds) : report.rows;
  const counts: [string, number, string?][] = [
    ["new", report.orders_new],
    ["updated", report.orders_updated],
    ["unchanged", report.orders_unchanged],
    ["rejected", report.orders_rejected],
    ["conflict", report.orders_conflict],
    ["published", report.published],
  ];
  const width = Math.max(...counts.map(([, value]) => formatCount(value).length));
  const lines = [
    `${notes.dryRun ? "Dry run, nothing was changed: " : ""}${formatCount(report.rows)} rows, ` +
    `${formatCount(report.orders)} orders in ${report.seconds} s (${formatCount(rate)} rows/s)`,
    ...counts.map(([what, value]) => `  ${what.padEnd(10)} ${formatCount(value).padStart(width)}`),
  ];
  if (report.money !== undefined && report.money.length > 0) {
    lines.push(...moneyLines(report.money));
  }
  if (report.rows_rejected > 0) {
    const are = report.rows_rejected === 1 ? "row is a reject" : "rows are rejects";
    const these = reasons.size === 1 ? "this reason" : "these reasons";
    lines.push(`${formatCount(report.rows_rejected)} ${are}, for ${these}:`);
    lines.push(...reasonLines(reasons));
    if (notes.rejectsPath === undefined) lines.push("  --rejects=FILE writes them to a file");
  }
  if (notes.rejectsPath !== undefined) lines.push(`Rejects file: ${notes.rejectsPath}`);
  if (tookNothing(report)) {
    lines.push(`None of the file's orders ${notes.dryRun ? "would be" : "was"} taken`);
  }
  return lines.join("\n");
}

/** What the orders are worth: a unit that is wrong by a hundred shows here before it is charged. */
function moneyLines(money: readonly ImportMoney[]): string[] {
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
