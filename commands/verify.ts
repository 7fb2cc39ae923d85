/**
 * `deno task verify`: the proof.
 *
 * @module
 */

import type { Drift } from "../streams/verification/drift.ts";
import { withKeptBasis } from "../streams/kpis/kpi_basis.ts";
import { repairableNames } from "../streams/recovery/repair.ts";
import { type CheckName, verify, type VerifyReport } from "../streams/verification/verify.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { plural } from "../domain/text/plural.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { sealAnew } from "../services/operation/seal_anew.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { type Command, readOptions, usage } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { typed } from "../runtime/typed.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";
import { formatTable, right } from "./table.ts";

const command: Command = {
  summary: "Proves that books, ledger, stock, KPIs, notices and streams agree.",
  help: `
Usage: deno task verify [--incremental] [--json]
       deno task verify --seal-anew

  --incremental  look only at what is not sealed, and hold figures and stock against that and
                 the sums of what is
  --json         print the whole report as one JSON object
  --seal-anew    takes what the tables hold now for right: all seals are made anew. For a sealed
                 row that somebody has changed on purpose

Changes nothing and may run at any time. Exits 1 on any drift. What is on its way is no drift; a
difference is waited for, for a few seconds, before it counts. What the database has lost is no drift
either: it stands below the table until it is reconciled.

Orders and refunds of closed days are sealed by the consumers, who look at one seal after the
other: whatever was changed since is drift, and named. Without --incremental all tables are read.`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["json", "incremental", "seal-anew"] });
    if (options.flag("seal-anew")) {
      if (args.length > 1) throw usage("--seal-anew goes alone");
      return await withContext(env, (context) => beginAnew(context, operatorIn(env)));
    }
    return await withContext(env, async (context) => {
      const { kpiBasis } = (await withKeptBasis(context)).keys;
      if (kpiBasis !== context.keys.kpiBasis) {
        const own = context.keys.kpiBasis;
        context.log.warn("the figures are counted by other settings", { theirs: kpiBasis, own });
      }
      const report = await verify(context, { incremental: options.flag("incremental") });
      print(options.flag("json") ? JSON.stringify(report) : formatReport(report));
      await tellIfNobodyWorks(context);
      return report.ok ? 0 : 1;
    });
  },
};

export default command;

async function beginAnew(context: Context, operator: Operator): Promise<number> {
  await guardDatabase(context);
  await refuseBesideOlder(context);
  const isDone = await sealAnew(context, operator);
  print(isDone ? "All seals are made anew, by whoever consumes" : "Nothing is sealed yet");
  if (isDone) await tellIfNobodyWorks(context);
  return 0;
}

/** What each point says when it holds. */
const claims: Readonly<Record<CheckName, string>> = {
  stock: "units that are gone are held by orders",
  money: "one payment a paid order; refunds add up",
  kpis: "every figure is what the books say",
  notifications: "one row for each end and channel, no more",
  homes: "all unfinished work has a place, none is lost",
  ledger: "debits are credits, as orders and refunds say",
  provider: "reconciled days have nothing open",
};

/** What to do where a point does not hold: whoever reads it was woken by it. */
function remedyOf(name: CheckName): string {
  switch (name) {
    case "stock":
    case "money":
      return "no command mends it: rows were changed by something else. Find out by what (the order's or product's page, the audit log), and put " +
        "them back as they were";
    case "kpis":
      return `consumers mend it within a minute; at once: ${typed("kpis")} --rebuild`;
    case "notifications":
      return `consumers mend it within a minute, but what is a dead letter: ${typed("dead")}`;
    case "homes":
      return `consumers mend it within a minute; at once: ${typed("recover")}`;
    case "ledger":
      return "consumers book within a minute what is not booked. Rows that were changed are put back; where the change is right, " +
        `${typed("verify")} --seal-anew`;
    case "provider":
      return `${typed("reconcile")} --list says what mends each`;
  }
}

/** The report for people. */
export function formatReport(report: VerifyReport): string {
  const table = formatTable(
    [{ heading: "check" }, right("checked"), { heading: "result" }],
    report.checks.map(({ name, checked, ok, drift_count: count }) => [
      name,
      formatCount(checked),
      ok ? `ok      ${claims[name]}` : `DRIFT   ${formatCount(count)} found`,
    ]),
  );
  const drifts = report.checks.filter(({ ok }) => !ok).flatMap((check) => [
    "",
    `${check.name}:`,
    ...check.drift.map((drift) => `  ${formatDrift(drift)}`),
    ...(check.drift_count > check.drift.length
      ? [`  … and ${formatCount(check.drift_count - check.drift.length)} more`]
      : []),
    ...(repairableNames.includes(check.name) && check.for_people
      ? [`  ${formatCount(check.for_people)} of them no repair can mend: a person has to decide`]
      : []),
    `  → ${remedyOf(check.name)}`,
  ]);
  const verdict = report.ok
    ? `All agree (${report.seconds.toFixed(1)} s)`
    : `There is drift (${report.seconds.toFixed(1)} s)`;
  return [
    table,
    ...drifts,
    "",
    ...sealedLines(report),
    ...ledgerLines(report),
    ...lossLines(report),
    verdict,
  ].join("\n");
}

/** What was lost and nobody has reconciled; nothing where nothing is. */
function lossLines({ losses = [] }: VerifyReport): string[] {
  return losses.map((loss) => `LOST    ${loss}: see ${typed("losses")}`);
}

/** What is sealed, in words; nothing where nothing is. */
function sealedLines({ incremental, sealed }: VerifyReport): string[] {
  if (sealed === undefined || sealed.orders + sealed.refunds === 0) return [];
  const what = `${formatCount(sealed.orders)} ${plural(sealed.orders, "order")} and ` +
    `${formatCount(sealed.refunds)} ${plural(sealed.refunds, "refund")}`;
  const since = `${sealed.proven_since!.slice(0, 16).replace("T", " ")} UTC`;
  return [
    incremental
      ? `Sealed, and not looked at one by one: ${what}; each seal was since ${since}`
      : `Sealed: ${what}; each seal was looked at since ${since}`,
  ];
}

/** What the ledger does not have yet, in words; nothing where it has everything. */
function ledgerLines({ ledger }: VerifyReport): string[] {
  if (ledger === undefined) return [];
  const { complete, booked_up_to: upTo, waiting } = ledger;
  return [
    ...(complete ? [] : [`Ledger: orders up to ${upTo} are booked; consumers go on with it`]),
    ...(waiting === 0 ? [] : [
      `Ledger: ${formatCount(waiting)} ${
        plural(waiting, "movement")
      } of a version before to be booked`,
    ]),
  ];
}

function formatDrift({ subject, what, expected, found }: Drift): string {
  return `${subject}: ${what}: expected ${expected ?? "none"}, found ${found ?? "none"}`;
}
