/**
 * `deno task stock`: a product's units, or those of many by a file.
 *
 * @module
 */

import { resolve } from "node:path";
import { type ProductStock, readStock } from "../db/catalog/stock.ts";
import { maxUnits, type StockChange, unknownProduct } from "../domain/catalog/stock.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import {
  type AppliedStockFile,
  applyStockFile,
  tookNoStock,
} from "../services/catalog/apply_stock_file.ts";
import { changeStock } from "../services/catalog/change_stock.ts";
import { openRejectsFile } from "../streams/imports/rejects_file.ts";
import { readStockFile } from "../streams/imports/stock_file.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { type Command, type Options, readOptions, usage } from "./command.ts";
import { withContext } from "./context.ts";
import { readSettings } from "./engine_settings.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { counted } from "../domain/text/plural.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";
import { refuseOtherPlaces } from "./refuse_other_places.ts";
import { openSourceFile, openStandardInput, refuseOverwriting } from "./source_file.ts";

/** Rejected rows that are printed; the rejects file has them all. */
const rejectsShown = 10;

const command: Command = {
  summary: "Shows or changes the stock of a product, or of many by a file.",
  help: `
Usage: deno task stock SKU [--set=N | --add=N] [--detail=TEXT]
       deno task stock --file=FILE [--create] [--again] [--rejects=FILE] [--json]

  --set=N         make N units available
  --add=N         make N units more available, or fewer where N is negative
  --detail=TEXT   why, for the product's timeline
  --file=FILE     UTF-8 CSV, plain or .gz, - for standard input, with the columns sku and set_qty (units that are
                  available from now on) or add_qty (units that came in); name, price_cents and detail may be there
  --create        create products that are not known, by name and price_cents
  --again         add the units of a file that was applied before once more
  --rejects=FILE  write the rows that were not taken to FILE, with line and reason
  --json          print the counts as one line of JSON

Units that reserved and paid orders hold are not touched: what came in (received) changes by as much as
what is available. A file that was cut off in the middle is finished by running it again: units are set again,
and units that were added are not added twice. A file with add_qty that was finished is refused without --again.
Apply mended rejects by themselves, not together with rows that were taken. Exit code 1 if no row was taken.`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["create", "again", "json"],
      string: ["set", "add", "detail", "file", "rejects"],
      positionals: [0, 1],
    });
    const operator = operatorIn(env);
    refuseOtherPlaces(await readSettings(env));
    return options.text("file") === undefined
      ? await runOne(options, env, operator)
      : await runFile(options, env, operator);
  },
};

export default command;

/** Shows or changes one product. */
async function runOne(
  options: Options,
  env: Record<string, string | undefined>,
  operator: Operator,
): Promise<number> {
  const set = options.integer("set", 0, maxUnits);
  const add = options.integer("add", -maxUnits, maxUnits);
  if (set !== undefined && add !== undefined) throw usage("Give --set or --add, not both");
  for (const name of ["create", "again", "json"]) {
    if (options.flag(name)) throw usage(`--${name} goes with --file`);
  }
  if (options.text("rejects") !== undefined) throw usage("--rejects goes with --file");
  const [sku] = options.positionals;
  if (sku === undefined) throw usage("Give a SKU or --file=FILE");
  const change: StockChange | undefined = set !== undefined
    ? { set }
    : add !== undefined
    ? { add }
    : undefined;
  return await withContext(env, async (context) => {
    if (change === undefined) {
      const stock = await readStock(context.db, sku);
      if (stock === undefined) throw unknownProduct(sku);
      print(formatStock(stock));
      await tellIfNobodyWorks(context);
      return 0;
    }
    await guardDatabase(context);
    await refuseBesideOlder(context);
    const detail = options.text("detail");
    const { before, after } = await changeStock(context, sku, change, { operator, detail });
    print(formatStock(after));
    print(`available was ${formatCount(before.stockQty)}`);
    await tellIfNobodyWorks(context);
    return 0;
  });
}

/** Changes many products by a file. */
async function runFile(
  options: Options,
  env: Record<string, string | undefined>,
  operator: Operator,
): Promise<number> {
  for (const name of ["set", "add", "detail"]) {
    if (options.text(name) !== undefined) throw usage(`Give --${name} or --file, not both`);
  }
  if (options.positionals.length > 0) throw usage("Give a SKU or --file, not both");
  const name = options.text("file")!;
  const shownName = name === "-" ? "standard input" : name;
  const path = (given: string) => resolve(env.INIT_CWD ?? "", given);
  const source = name === "-"
    ? openStandardInput()
    : await openSourceFile(path(name), name, "apply");
  const rejectsPath = options.text("rejects");
  if (rejectsPath !== undefined) {
    await refuseOverwriting(source, path(rejectsPath), `--rejects=${rejectsPath}`);
  }
  return await withContext(env, async (context) => {
    const startedAt = performance.now();
    const file = await readStockFile(source.readable, { name: shownName });
    const rejects = rejectsPath === undefined
      ? undefined
      : await openRejectsFile(path(rejectsPath), file);
    try {
      await guardDatabase(context);
      await refuseBesideOlder(context);
      const applied = await applyStockFile(context, file, {
        name: shownName,
        operator,
        create: options.flag("create"),
        again: options.flag("again"),
      });
      await rejects?.add(applied.rejected);
      await rejects?.finish();
      const seconds = Math.round(performance.now() - startedAt) / 1000;
      if (options.flag("json")) print(JSON.stringify({ ...applied.report, seconds }));
      else print(fileSummary(applied, seconds, rejectsPath));
      await tellIfNobodyWorks(context);
      return tookNoStock(applied.report) ? 1 : 0;
    } finally {
      await rejects?.discard();
    }
  });
}

/** The report for people. */
function fileSummary(
  { report, rejected, resumedAt }: AppliedStockFile,
  seconds: number,
  rejectsPath: string | undefined,
): string {
  const counts: [string, number][] = [
    ["changed", report.rows_changed],
    ["unchanged", report.rows_unchanged],
    ["rejected", report.rows_rejected],
    ["products created", report.products_created],
    ["units received", report.units_received],
    ["units taken off", report.units_corrected],
  ];
  const width = Math.max(...counts.map(([, value]) => formatCount(value).length));
  const lines = [
    `${counted(report.rows, "row")} in ${seconds} s`,
    ...counts.map(([what, value]) => `  ${what.padEnd(16)} ${formatCount(value).padStart(width)}`),
  ];
  if (resumedAt > 0) {
    lines.push(`An earlier run had applied ${counted(resumedAt, "row")} before it was cut off`);
  }
  for (const { line, reason } of rejected.slice(0, rejectsShown)) {
    lines.push(`line ${line}: ${visibleText(reason)}`);
  }
  const others = rejected.length - rejectsShown;
  if (others > 0) lines.push(`and ${formatCount(others)} more rows that were not taken`);
  if (rejectsPath !== undefined) lines.push(`Rejects file: ${rejectsPath}`);
  else if (others > 0) lines.push("--rejects=FILE writes them to a file");
  if (tookNoStock(report)) lines.push("None of the file's rows was taken");
  return lines.join("\n");
}

function formatStock({ sku, name, stockQty, heldQty, receivedQty }: ProductStock): string {
  const lines: [string, number][] = [
    ["available", stockQty],
    ["held by orders", heldQty],
    ["received", receivedQty],
  ];
  const width = Math.max(...lines.map(([, units]) => formatCount(units).length));
  return [
    `${sku}  ${name}`,
    ...lines.map(([label, units]) =>
      `  ${label.padEnd(14)}  ${formatCount(units).padStart(width)}`
    ),
  ].join("\n");
}
