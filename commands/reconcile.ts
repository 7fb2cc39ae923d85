/**
 * `deno task reconcile`: a provider's books against ours, and what is done about what they do not agree about.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { isatty } from "node:tty";
import { type DiscrepancyRow, listDiscrepancies } from "../db/reconciliation/discrepancies.ts";
import {
  listReconciliations,
  type ReconciliationRow,
} from "../db/reconciliation/reconciliations.ts";
import { listOpenLosses } from "../db/recovery/database_losses.ts";
import { messageOf } from "../domain/errors.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { isDay } from "../domain/kpi/day.ts";
import { namedAmount } from "../domain/money.ts";
import {
  type DiscrepancyAction,
  discrepancyActionNames,
  discrepancyInWords,
  offeredActions,
} from "../domain/reconciliation/discrepancy.ts";
import type { ReportProfile } from "../domain/reconciliation/report_profile.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { plural } from "../domain/text/plural.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import { approveReport } from "../services/reconciliation/approve_report.ts";
import { approveMending, proposeMending } from "../services/reconciliation/mend_discrepancies.ts";
import type { MendingDeps } from "../services/reconciliation/mending_step.ts";
import { reconcile } from "../services/reconciliation/reconcile.ts";
import { withdraw } from "../services/reconciliation/withdraw_report.ts";
import { readReportProfile } from "../services/reconciliation/report_profile_schema.ts";
import { gatewayNamed, type Gateways } from "../streams/payments/gateway.ts";
import { gatewaysOf } from "../streams/payments/gateways.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { typed } from "../runtime/typed.ts";
import { type Command, integerArgument, type Options, readOptions, usage } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print, printError } from "./print.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { openSourceFile, openStandardInput } from "./source_file.ts";

/** Discrepancies that are printed; `--json` prints all. */
const shown = 20;

/** Rows to a page of what is listed. */
const pageSize = 500;

const command: Command = {
  summary: "Holds a provider's books against ours, and mends what differs.",
  help: `
Usage: deno task reconcile FILE --provider=NAME [--from=DATE] [--to=DATE] [--profile=FILE.json] [--sheet=NAME] [--json]
       deno task reconcile --provider=NAME --from=DATE [--to=DATE] [--json]
       deno task reconcile --list [--provider=NAME] [--json]
       deno task reconcile --mend=ID|all [--action=NAME] [--note=TEXT]
       deno task reconcile --approve=ID|all [--action=NAME --seen=TIME]
       deno task reconcile --reports [--json]
       deno task reconcile --withdraw=ID
       deno task reconcile --approve-report=ID --seen=TIME

  FILE              the provider's report: Stripe's payout reconciliation, itemized, or the native form;
                    plain, .gz or .zip; - for standard input. Without one the provider's own list is asked for
  --provider=NAME   whose books they are, as the payments name it; with --list, --mend=all and --approve=all of whose
                    discrepancies, otherwise of all
  --from, --to      the days that the report covers whole (UTC, the last one included); without them it covers
                    from the day of its first line up to its last line
  --profile=FILE    what the columns of any other report mean
  --sheet=NAME      the sheet of a workbook that has the lines, by its name or its place (1, 2, …)
  --list            what is open, with the actions that mend it
  --mend=ID         propose how it is mended: record (what the provider did), give_back, ask (the provider
                    again) or explain; without --action the first that --list names
  --note=TEXT       why, or what explains it
  --approve=ID      approve what somebody else proposed, where RECONCILIATION_APPROVALS is 2: the --action that you
                    have seen, and as --seen the time that --list has beside it; with "all" everything that was
                    proposed so, no later than that. Nobody is asked who they are on the command line, so that all who
                    use it count as one person: the other one comes by the API or the pages
  --reports         the latest reports, with the fees, payouts and the like that wait for somebody else's approval
  --withdraw=ID     take a report back that was read by mistake, such as with a wrong profile; again after a
                    crash. Where RECONCILIATION_APPROVALS is 2 somebody else has to do so, too, and until then it waits
  --approve-report=ID  book the fees, payouts and the like of a report that somebody else has brought; --seen as --reports has it
  --json            print the result, or one object a discrepancy, as JSON

Running it again with the same file, or one that overlaps, changes nothing. Exits 1 where anything of the provider is
open after a report or list was read, and where an action came to nothing; --list and --reports exit 0.`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["list", "reports", "json"],
      string: [
        "provider",
        "from",
        "to",
        "profile",
        "sheet",
        "mend",
        "action",
        "note",
        "approve",
        "seen",
        "withdraw",
        "approve-report",
      ],
      positionals: [0, 1],
    });
    refuseMixed(options);
    const work = workOf(options, env);
    return await withContext(env, async (context) => {
      const deps = { ...context, ...gatewaysOf(context.config) };
      if (options.flag("list")) {
        return await list(deps, options.text("provider"), options.flag("json"));
      }
      if (options.flag("reports")) return await listReports(deps, options.flag("json"));
      await refuseDanger(context);
      await guardDatabase(context);
      await refuseBesideOlder(context);
      if (options.text("mend") !== undefined) await tellOfLosses(deps);
      const code = await work(deps);
      await tellIfNobodyWorks(context);
      return code;
    });
  },
};

export default command;

type Deps = Context & MendingDeps;

/** Money of an order that is lost looks like nobody's, and giving it back is offered first. */
async function tellOfLosses({ db }: Deps): Promise<void> {
  if ((await listOpenLosses(db, 1)).length === 0) return;
  printError(
    `Orders are lost that nobody has reconciled (${
      typed("losses")
    }): have them sent again before anything is given ` +
      "back, as their money is of no order until then",
  );
}

/** What can be done besides reading a report or a list, and the options that say more of it. */
const doings: Readonly<Record<string, readonly string[]>> = {
  list: ["provider", "json"],
  mend: ["action", "note", "provider"],
  approve: ["action", "seen", "provider"],
  reports: ["json"],
  withdraw: [],
  "approve-report": ["seen"],
};

/** What says more of reading a report or a list. */
const readingOptions = ["provider", "from", "to", "profile", "sheet", "json"];

/**
 * Two things at once would be one of them without a word about the other.
 *
 * @throws {WorkflowError} `bad_usage`
 */
function refuseMixed(options: Options): void {
  const isGiven = (name: string) => options.flag(name) || options.text(name) !== undefined;
  const given = Object.keys(doings).filter(isGiven);
  const [doing, other] = given;
  if (other !== undefined) {
    throw usage(`--${doing} and --${other} are two things: do one at a time`);
  }
  const [file] = options.positionals;
  if (doing !== undefined && file !== undefined) {
    throw usage(`--${doing} takes no file, "${file}": bring it by itself`);
  }
  const goWith = doing === undefined ? readingOptions : doings[doing]!;
  const all = new Set([...Object.values(doings).flat(), ...readingOptions]);
  const stray = [...all].find((name) => isGiven(name) && !goWith.includes(name));
  if (stray !== undefined) {
    const where = doing === undefined ? "reading a report or a list" : `--${doing}`;
    throw usage(`--${stray} does not go with ${where}`);
  }
  const ofFile = ["profile", "sheet"].find(isGiven);
  if (file === undefined && ofFile !== undefined) throw usage(`--${ofFile} goes with a FILE`);
  const one = ["mend", "approve"].find((name) => (options.text(name) ?? "all") !== "all");
  if (one !== undefined && options.text("provider") !== undefined) {
    throw usage(`--provider goes with --${one}=all`);
  }
}

/** @throws {WorkflowError} `bad_usage` */
function actionIn(options: Options): DiscrepancyAction | undefined {
  const action = options.text("action");
  if (action !== undefined && !discrepancyActionNames.some((name) => name === action)) {
    throw usage(`--action must be ${discrepancyActionNames.join(", ")}`);
  }
  return action as DiscrepancyAction | undefined;
}

/** @throws {WorkflowError} `bad_usage` for options that make no sense together */
function workOf(
  options: Options,
  env: Record<string, string | undefined>,
): (deps: Deps) => Promise<number> {
  const operator = operatorIn(env);
  const mend = options.text("mend"), approve = options.text("approve");
  const of = options.text("provider");
  const action = actionIn(options);
  if (mend !== undefined) {
    const wish = {
      ...(action === undefined ? {} : { action }),
      note: options.text("note") ?? null,
    };
    return (deps) =>
      eachOf(
        deps,
        { which: mend, option: "--mend", provider: of },
        (id) => proposeMending(deps, { id, ...wish }, operator),
      );
  }
  if (approve !== undefined) {
    const proposedAt = options.text("seen");
    const seen = {
      ...(action === undefined ? {} : { action }),
      ...(proposedAt === undefined ? {} : { proposedAt }),
    };
    return (deps) =>
      eachOf(deps, { which: approve, option: "--approve", provider: of }, (id, row) => {
        // What was proposed later than somebody looked, they have not seen.
        const isSeen = row?.proposedAt != null && proposedAt !== undefined &&
          row.proposedAt <= proposedAt;
        const what = isSeen ? { ...seen, proposedAt: row.proposedAt! } : seen;
        return approveMending(deps, id, operator, { seen: what });
      });
  }
  const onReport = reportWork(options, operator);
  if (onReport !== undefined) return onReport;
  if (options.flag("list") || options.flag("reports")) return () => Promise.resolve(0);
  const provider = options.text("provider");
  if (provider === undefined) throw usage("Give --provider=NAME");
  const [name] = options.positionals;
  const period = periodIn(options);
  if (name === undefined && period.from === undefined) {
    throw usage("Give a FILE, or --from=DATE to ask for the provider's list");
  }
  return async (deps) => {
    const path = (given: string) => resolve(env.INIT_CWD ?? "", given);
    const reading = await readingOf(options, path);
    const source = name === undefined
      ? undefined
      : name === "-"
      ? openStandardInput()
      : await openSourceFile(path(name), name, "reconcile");
    const result = await reconcile(deps, {
      provider,
      period,
      operator,
      ...(source === undefined ? {} : {
        report: {
          source: source.readable,
          name: name === "-" ? "standard input" : basename(name!),
          ...reading,
        },
      }),
    });
    await tell(deps, result, options.flag("json"));
    return result.open > 0 || await isAnyOpen(deps, provider, options.flag("json")) ? 1 : 0;
  };
}

/** What is done about a report that was read; undefined where nothing is. */
function reportWork(
  options: Options,
  operator: Operator,
): ((deps: Deps) => Promise<number>) | undefined {
  const idIn = (name: "withdraw" | "approve-report") => {
    const given = options.text(name);
    return given === undefined
      ? undefined
      : integerArgument(`--${name}`, given, 1, Number.MAX_SAFE_INTEGER);
  };
  const withdrawn = idIn("withdraw"), approved = idIn("approve-report");
  if (withdrawn !== undefined) {
    return async (deps) => {
      const row = await withdraw(deps, withdrawn, operator);
      print(reportInWords(row));
      // As a proposal that waits for somebody else.
      return row.state === "WITHDRAWN" || row.withdrawalBy !== null ? 0 : 1;
    };
  }
  if (approved === undefined) return undefined;
  const finishedAt = options.text("seen");
  return async (deps) => {
    const seen = finishedAt === undefined ? {} : { finishedAt };
    print(reportInWords(await approveReport(deps, approved, operator, seen)));
    return 0;
  };
}

async function listReports({ db }: Deps, asJson: boolean): Promise<number> {
  const rows = await listReconciliations(db, { beforeId: null, limit: shown });
  for (const row of rows) print(asJson ? JSON.stringify(row) : reportInWords(row));
  if (rows.length === 0 && !asJson) print("No report was brought yet");
  return 0;
}

/** One report on one line: a name with a line break in it would look like another report. */
function reportInWords(row: ReconciliationRow): string {
  const { id, state, provider, name, from, to, lines, open, feesWait, actor } = row;
  const money = (sums: Record<string, number> | null) =>
    Object.entries(sums ?? {}).map(([currency, cents]) => namedAmount(cents, currency)).join(", ");
  const waits = feesWait && row.finishedAt !== null
    ? `; fees of ${money(row.fees) || "nothing"}, payouts of ${
      money(row.payouts) || "nothing"
    }, reserves of ${money(row.reserves) || "nothing"}, adjustments of ${
      money(row.adjustments) || "nothing"
    } and conversions of ${
      money(row.conversions) || "nothing"
    }, brought by ${actor}, wait for approval: --seen=${row.finishedAt}`
    : row.approvedBy === null
    ? ""
    : `; approved by ${row.approvedBy}`;
  const wish = row.withdrawalBy === null
    ? ""
    : `; ${state === "WITHDRAWN" ? "taken back" : "to be taken back"} by ${row.withdrawalBy}`;
  return visibleText(
    `${id}  ${state.toLowerCase()}  ${provider}  ${name}  ${daysInWords(from, to)}: ` +
      `${formatCount(lines)} ${plural(lines, "line")}, ${formatCount(open)} open${waits}${wish}` +
      (row.error === null ? "" : `; ${row.error}`),
  );
}

/** The days that a report covers, the last one included. */
function daysInWords(from: string, to: string): string {
  if (to <= from) return "no day";
  const last = new Date(Date.parse(to) - 1).toISOString();
  return `${from.slice(0, 10)} – ${last.slice(0, 10)}`;
}

function periodIn(options: Options): { from?: string; to?: string } {
  const day = (name: string) => {
    const given = options.text(name);
    if (given === undefined) return {};
    if (!isDay(given)) throw usage(`--${name} must be a day such as 2026-01-31, not "${given}"`);
    return { [name]: given };
  };
  return { ...day("from"), ...day("to") };
}

/** How a report is to be read. */
async function readingOf(
  options: Options,
  path: (given: string) => string,
): Promise<{ profile?: ReportProfile; sheet?: string }> {
  const given = options.text("profile"), sheet = options.text("sheet");
  const onSheet = sheet === undefined ? {} : { sheet };
  if (given === undefined) return onSheet;
  let text: string;
  try {
    text = await readFile(path(given), "utf8");
  } catch (error) {
    throw usage(`--profile=${given}: ${messageOf(error)}`);
  }
  return { profile: readReportProfile(text), ...onSheet };
}

/** Does something about one discrepancy, or about each that is open. */
async function eachOf(
  deps: Deps,
  { which, option, provider }: { which: string; option: string; provider: string | undefined },
  work: (id: number, row?: DiscrepancyRow) => Promise<{ discrepancy: DiscrepancyRow }>,
): Promise<number> {
  if (which !== "all") {
    const id = integerArgument(option, which, 1, Number.MAX_SAFE_INTEGER);
    const { discrepancy } = await work(id);
    print(inWords(deps, discrepancy));
    return cameToNothing(discrepancy) ? 1 : 0;
  }
  let failed = 0;
  for await (const row of openOnes(deps, provider)) {
    try {
      const { discrepancy } = await work(row.id, row);
      if (cameToNothing(discrepancy)) failed++;
      print(inWords(deps, discrepancy));
    } catch (error) {
      failed++;
      print(`${row.id}: ${messageOf(error)}`);
    }
  }
  if (isatty(1) || failed > 0) print(`${failed} could not be done`);
  return failed > 0 ? 1 : 0;
}

/** Whether what was to be done about it was withdrawn, with why. */
function cameToNothing({ state, action }: DiscrepancyRow): boolean {
  return state === "open" && action === null;
}

async function* openOnes(
  { db }: Deps,
  provider: string | undefined,
): AsyncGenerator<DiscrepancyRow> {
  const filter = { state: "open", ...(provider === undefined ? {} : { provider }) } as const;
  for (let afterId = 0;;) {
    const rows = await listDiscrepancies(db, {
      filter,
      afterId,
      limit: pageSize,
    });
    if (rows.length === 0) return;
    yield* rows;
    afterId = rows.at(-1)!.id;
  }
}

async function list(
  deps: Deps,
  provider: string | undefined,
  asJson: boolean,
): Promise<number> {
  await tellOfLosses(deps);
  let count = 0;
  for await (const row of openOnes(deps, provider)) {
    count++;
    print(asJson ? JSON.stringify({ ...row, actions: offeredBy(deps, row) }) : inWords(deps, row));
  }
  if (!asJson) print(count === 0 ? "Nothing is open" : `${formatCount(count)} open`);
  return 0;
}

async function tell(deps: Deps, result: ReconciliationRow, asJson: boolean): Promise<void> {
  if (asJson) return print(JSON.stringify(result));
  if (result.open > 0) await tellOfLosses(deps);
  const { lines, agreed, found, open, provider } = result;
  print(
    `${formatCount(lines)} ${plural(lines, "line")} of ${provider}: ${
      formatCount(agreed)
    } agree, ` +
      `${formatCount(found)} ${plural(found, "discrepancy", "discrepancies")} found, ${
        formatCount(open)
      } open`,
  );
  const rows = await listDiscrepancies(deps.db, {
    filter: { state: "open", reconciliationId: result.id },
    afterId: 0,
    limit: shown,
  });
  for (const row of rows) print(inWords(deps, row));
  if (open > rows.length) print(`… all of them: ${typed("reconcile")} --list`);
}

/** Whether anything of a provider is open that another reconciliation has found, of the same lines maybe. */
async function isAnyOpen({ db }: Deps, provider: string, isQuiet: boolean): Promise<boolean> {
  const filter = { state: "open", provider } as const;
  const rows = await listDiscrepancies(db, { filter, afterId: 0, limit: 1 });
  if (rows.length > 0 && !isQuiet) print(`Open from before: ${typed("reconcile")} --list`);
  return rows.length > 0;
}

/** What can be done about one here. */
function offeredBy(deps: Gateways, row: DiscrepancyRow): DiscrepancyAction[] {
  return offeredActions(row, gatewayNamed(deps, row.provider) !== undefined);
}

/** One discrepancy on a line. */
function inWords(deps: Gateways, row: DiscrepancyRow): string {
  const { id, state, theirCents, theirCurrency, ourCents, ourCurrency } = row;
  const money = (cents: number | null, currency: string | null) =>
    cents === null || currency === null ? "nothing" : namedAmount(cents, currency);
  const did = row.action === null
    ? ""
    : row.approvedBy === null
    ? `; proposed: ${row.action} by ${row.proposedBy}, --seen=${row.proposedAt}`
    : `; approved: ${row.action}`;
  const answer = row.answer === null ? "" : `; ${row.answer}`;
  const may = state === "open" && row.approvedBy === null
    ? ` [${offeredBy(deps, row).join(", ")}]`
    : "";
  return visibleText(
    `${id}  ${state}  ${row.day}  ${aboutWhat(row)}: ${discrepancyInWords(row)}; they say ` +
      `${money(theirCents, theirCurrency)}, we have ${money(ourCents, ourCurrency)}${
        feesInWords(row)
      }${did}${answer}${may}`,
  );
}

/** The order as the shop calls it and by our id, or else the charge with what the provider says of its order. */
function aboutWhat({ orderId, externalOrderId, chargeRef, reference, entry }: DiscrepancyRow) {
  if (orderId !== null) {
    return externalOrderId === null
      ? `order with our id ${orderId}`
      : `order ${externalOrderId} (our id ${orderId})`;
  }
  const money = chargeRef === null ? `line ${entry ?? "?"}` : `charge ${chargeRef}`;
  return reference === null ? money : `${money} of order ${reference}`;
}

/** Of fees that differ, both sides; nothing for what differs otherwise. */
function feesInWords(row: DiscrepancyRow): string {
  const { settledCurrency: currency, theirFeeCents, theirNetCents, ourFeeCents, ourNetCents } = row;
  if (currency === null || ourFeeCents === null || ourNetCents === null) return "";
  const parts = (fee: number | null, net: number | null) =>
    `a fee of ${namedAmount(fee ?? 0, currency)} and net ${namedAmount(net ?? 0, currency)}`;
  return `; they say ${parts(theirFeeCents, theirNetCents)}, we have ${
    parts(ourFeeCents, ourNetCents)
  }`;
}
