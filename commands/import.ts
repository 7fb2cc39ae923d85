/**
 * `deno task import`: a file of orders into orders.
 *
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { isatty } from "node:tty";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import type { ImportPreview } from "../domain/import/import_preview.ts";
import type { ImportProfile } from "../domain/import/profile/profile.ts";
import { countReasons } from "../domain/import/reject_reasons.ts";
import type { Operator } from "../domain/operation/audit.ts";
import type { NamedSettings } from "../streams/imports/import_options.ts";
import { importFile } from "../services/imports/import_file.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { tookNothing } from "../streams/imports/orders_import.ts";
import { typed } from "../runtime/typed.ts";
import { type Command, type Options, readOptions, usage } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { readSettings } from "./engine_settings.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print, printWithBold } from "./print.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { refuseOtherPlaces } from "./refuse_other_places.ts";
import { importProgressBar, type ProgressBar } from "./import_progress.ts";
import { importSummary } from "./import_summary.ts";
import {
  openSourceFile,
  openStandardInput,
  refuseOverwriting,
  type SourceFile,
} from "./source_file.ts";

const command: Command = {
  summary: "Imports the orders of a file and publishes them to the consumers.",
  help: `
Usage: deno task import FILE [--preview] [--profile=NAME|FILE.json] [--sheet=NAME] [--set SETTING=VALUE] [--plan=HASH]
  [--yes] [--save-profile=FILE] [--dry-run] [--initial-stock=N] [--rejects=FILE] [--keep-good-rows]
  [--replace] [--json]

  FILE                CSV or another table, plain, .gz or .zip; - for standard input
  --preview           show what the file would do, to the last cent, and its plan; change nothing
  --profile=NAME      read the columns as the exports of a shop have them (shopify, woocommerce, …),
                      or as a file of yours says (FILE.json); without it that is found out
  --sheet=NAME        the sheet of a workbook that has the orders, by its name or its place (1, 2, …)
  --set SETTING=VALUE answer a question, or change a setting of the profile: --set time.zone=Europe/Berlin;
                      may be given several times, with the preview and with the import
  --plan=HASH         import the file as its preview has shown it, or not at all
  --yes               import a file that needs a profile without a plan, by the --profile named
  --save-profile=FILE with --preview: write what was found out to FILE, to be edited
  --dry-run           check the file and compare it with the database; change nothing, and tell the money
  --initial-stock=N   units of products that are new (default: INITIAL_STOCK)
  --rejects=FILE      write all rows of orders of which a row was not taken to FILE, with line and reason
  --keep-good-rows    leave bad rows out instead of rejecting their whole orders
  --replace           let the file take items away from known orders that are still PENDING, and change
                      those that are RESERVED
  --json              print the counts, or the preview, as one line of JSON

A file with these columns, in any order and case, needs no profile:
  external_order_id, order_placed_at, currency, customer_id, customer_email, customer_name,
  product_sku, product_name, unit_price_cents, qty
and of an order as a whole, as far as the file has them:
  shipping_cents, tax_cents, tax_included, discount_cents, tip_cents, fee_cents, order_total_cents,
  payment_status, payment_provider, payment_reference, language
Any other file is previewed first, and then imported with the plan that ends the preview.

Importing a file again is safe: known orders are recognised. Exit code 0 if the file was imported, even
if rows were rejected; 1 if none of its orders was taken, or if it was refused and nothing was changed.`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["dry-run", "keep-good-rows", "replace", "json", "preview", "yes"],
      string: ["initial-stock", "rejects", "profile", "sheet", "plan", "save-profile"],
      collect: ["set"],
      positionals: [1, 1],
      argument: "FILE",
    });
    refuseContradictions(options);
    const [name] = options.positionals;
    const path = (given: string) => resolve(env.INIT_CWD ?? "", given);
    const source = name === "-" ? openStandardInput() : await openSourceFile(path(name!), name!);
    for (const option of ["rejects", "save-profile"] as const) {
      const given = options.text(option);
      if (given === undefined) continue;
      await refuseOverwriting(source, path(given), `--${option}=${given}`);
    }
    const operator = operatorIn(env);
    const work: ImportWork = {
      name: name!,
      source,
      options,
      path,
      profile: undefined,
      settings: undefined,
      operator,
    };
    const given = options.text("profile");
    if (given !== undefined) work.profile = await profileOf(given, path);
    const said = options.list("set");
    if (said.length > 0) {
      const { namedSettings } = await import("../services/imports/import_profiles.ts");
      work.settings = await namedSettings(said);
    }
    refuseOtherPlaces(await readSettings(env));
    const writes = !options.flag("dry-run") && !options.flag("preview");
    return await withContext(env, async (context) => {
      await refuseDanger(context);
      if (writes) {
        await guardDatabase(context);
        await refuseBesideOlder(context);
      }
      const bar = isatty(2) ? importProgressBar(source.bytes) : undefined;
      try {
        return await (options.flag("preview") ? showPreview : runImport)(context, work, bar);
      } finally {
        bar?.clear();
      }
      // What changes nothing leaves the schema as it is, too.
    }, { migrates: writes, name: "import" });
  },
};

export default command;

/** What was asked for. */
interface ImportWork {
  /** As it was typed. */
  name: string;
  source: SourceFile;
  options: Options;
  /** Where a path leads that was typed. */
  path: (given: string) => string;
  profile: ImportProfile | undefined;
  /** Of whatever profile the file is read by. */
  settings: NamedSettings | undefined;
  operator: Operator;
}

/** @throws {WorkflowError} `bad_usage` for options that make no sense together */
function refuseContradictions({ flag, text }: Options): void {
  if (flag("preview")) {
    for (const name of ["plan", "rejects"]) {
      if (text(name) !== undefined) throw usage(`--${name} has no meaning with --preview`);
    }
    for (const name of ["dry-run", "yes"]) {
      if (flag(name)) throw usage(`--${name} has no meaning with --preview`);
    }
  } else if (text("save-profile") !== undefined) throw usage("--save-profile needs --preview");
  if (flag("yes") && text("profile") === undefined) {
    throw usage("--yes needs --profile, so that nothing is left to be found out");
  }
  const plan = text("plan");
  if (plan !== undefined && !/^[0-9a-f]{64}$/i.test(plan)) {
    throw usage("--plan must be the 64 digits that end a preview");
  }
}

/**
 * The profile that `--profile` names: one that comes along, or a file's.
 *
 * @throws {WorkflowError} `bad_usage` for a name that is not known or a file that can't be read; `invalid` for a
 * document that is no profile
 */
async function profileOf(
  given: string,
  path: (given: string) => string,
): Promise<ImportProfile> {
  const { readProfile, shippedProfile } = await import("../services/imports/import_profiles.ts");
  try {
    if (!/\.json$|[/\\]/i.test(given)) return shippedProfile(given);
    return await readProfile(await readFile(path(given), "utf8"));
  } catch (error) {
    if (error instanceof WorkflowError && error.code === "invalid") {
      throw new WorkflowError("invalid", `--profile=${given}: ${error.message}`, error.faults);
    }
    const reason = isCode(error, "ENOENT") ? "there is no such file" : messageOf(error);
    throw usage(`--profile=${given}: ${reason}`);
  }
}

/** How a file is imported or previewed. */
function sharedOptions(
  { name, options, profile, settings }: ImportWork,
  bar: ProgressBar | undefined,
) {
  return {
    name: name === "-" ? "standard input" : name,
    profile,
    settings,
    sheet: options.text("sheet"),
    initialStock: options.integer("initial-stock", 0, 1_000_000_000),
    keepGoodRows: options.flag("keep-good-rows"),
    replace: options.flag("replace"),
    alone: true,
    onProgress: bar?.draw,
  };
}

async function runImport(
  context: Context,
  work: ImportWork,
  bar: ProgressBar | undefined,
): Promise<number> {
  const { source, options, path } = work;
  const rejects = options.text("rejects");
  const dryRun = options.flag("dry-run");
  const reasons = countReasons();
  const report = await importFile(context, source.readable, {
    ...sharedOptions(work, bar),
    operator: work.operator,
    plan: options.text("plan"),
    yes: options.flag("yes"),
    dryRun,
    rejectsPath: rejects === undefined ? undefined : path(rejects),
    onRejected: (rows) => reasons.add(rows),
  });
  bar?.clear();
  if (options.flag("json")) print(JSON.stringify(report));
  else print(importSummary(report, reasons.list(), { dryRun, rejectsPath: rejects }));
  if (report.published > 0) await tellIfNobodyWorks(context);
  return tookNothing(report) ? 1 : 0;
}

/** Shows what the file would do; the exit code is 1 where it can't be imported so, or nothing of it would be taken. */
async function showPreview(
  context: Context,
  work: ImportWork,
  bar: ProgressBar | undefined,
): Promise<number> {
  const { name, source, options, path } = work;
  const [
    { previewFile },
    { previewJson, profileFileText, shippedProfile },
    { isMarked, previewText },
  ] = await Promise.all([
    import("../services/imports/preview_import.ts"),
    import("../services/imports/import_profiles.ts"),
    import("./import_preview.ts"),
  ]);
  const preview = await previewFile(context, source.readable, {
    ...sharedOptions(work, bar),
    asksForColumns: true,
  });
  bar?.clear();
  const saved = options.text("save-profile");
  if (saved !== undefined) {
    const settings = preview.profile?.settings ?? shippedProfile("native");
    const isAsked = preview.questions.some(({ setting }) => setting === "columns");
    const header = isAsked ? preview.columns.unused.map(({ name }) => name.trim()) : [];
    const text = profileFileText(withFoundForm(settings, preview), header);
    await writeNew(path(saved), text, saved);
  }
  if (options.flag("json")) print(JSON.stringify(previewJson(preview)));
  else {
    const given = options.text("profile");
    const profile = given === undefined ? "" : ` --profile=${given}`;
    printWithBold(previewText(preview), isMarked);
    if (saved !== undefined) print(`\nProfile written to ${saved}`);
    if (preview.plan !== null && takesNothing(preview)) {
      print(`\nPlan: ${preview.plan}\nNothing of the file would be taken: mend it first.`);
    } else if (preview.plan !== null) {
      print(
        `\nPlan: ${preview.plan}\nTo import exactly this: ${typed("import")} ${name}${profile} ` +
          `${sameOptions(options)}--plan=${preview.plan}`,
      );
    }
  }
  return preview.plan === null || takesNothing(preview) ? 1 : 0;
}

/** The options that make another import of the same file, as they were given. */
function sameOptions({ flag, text, list }: Options): string {
  const stock = text("initial-stock"), sheet = text("sheet");
  return [
    ...(["keep-good-rows", "replace"] as const).filter((one) => flag(one)).map((one) =>
      `--${one} `
    ),
    ...list("set").map((one) => `--set ${shellWord(one)} `),
    ...(sheet === undefined ? [] : [`--sheet=${JSON.stringify(sheet)} `]),
    ...(stock === undefined ? [] : [`--initial-stock=${stock} `]),
  ].join("");
}

/** As a shell takes it for one word. */
function shellWord(text: string): string {
  return /^[\w.,:/=@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A profile with how the bytes of the file were read, so that the next file is read in the same way. */
function withFoundForm(
  profile: ImportProfile,
  { file: { form }, questions }: ImportPreview,
): ImportProfile {
  if (form === null || form.container === "xlsx") return profile;
  const { encoding, delimiter } = form;
  // What is in question is left open: the likeliest answer is none.
  const isAsked = questions.some(({ setting }) => setting === "file.encoding");
  const found = isAsked ? { delimiter } : { encoding, delimiter };
  return { ...profile, file: { ...found, ...profile.file } };
}

function takesNothing({ counts }: ImportPreview): boolean {
  const taken = counts.orders_new + counts.orders_updated + counts.orders_unchanged;
  return taken === 0 && counts.rows > 0;
}

/** Writes a file that was not there: a profile that somebody has edited is not lost by a second preview. */
async function writeNew(path: string, text: string, name: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx" });
  } catch (error) {
    const reason = isCode(error, "EEXIST")
      ? "it is there already; name another file, or remove it"
      : messageOf(error);
    throw new WorkflowError("bad_request", `Cannot write the profile ${name}: ${reason}`);
  }
}

function isCode(error: unknown, code: string): boolean {
  return (error as { code?: unknown } | null)?.code === code;
}
