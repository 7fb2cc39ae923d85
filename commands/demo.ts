/**
 * `deno task demo`: the tour.
 *
 * @module
 */

import { tmpdir } from "node:os";
import { basename, resolve } from "node:path";
import { readCustomerNames } from "../db/catalog/customers.ts";
import { countOrderEnds } from "../db/orders/order_ends.ts";
import { databaseTime } from "../domain/database_time.ts";
import type { FailureReason } from "../domain/order/order.ts";
import { WorkflowError } from "../domain/errors.ts";
import type { Operator } from "../domain/operation/audit.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { counted, plural } from "../domain/text/plural.ts";
import { serveHttp } from "../routes/server.ts";
import { importFile } from "../services/imports/import_file.ts";
import { readKpis, readLeaderboard } from "../streams/kpis/kpis.ts";
import { runConsumers } from "../streams/run_consumers.ts";
import { verify } from "../streams/verification/verify.ts";
import { readQueueStatus } from "../streams/workflow/queue_status.ts";
import { type PrivateEngines, startPrivateEngines } from "../tools/engines/private_engines.ts";
import { describeStartFault } from "../tools/engines/start_fault.ts";
import { type Share, shareEngines } from "../tools/engines/shared_engines.ts";
import { keptDir } from "../tools/engines/use_engines.ts";
import { typed } from "../runtime/typed.ts";
import { type Command, readOptions } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { cut, placeRow, progressLine, say, show } from "./demo_screen.ts";
import { anyPort, given } from "./engine_settings.ts";
import { firstCurrency } from "./first_currency.ts";
import { formatKpis } from "./kpis.ts";
import { countReasons, reasonLines, type RejectReasons } from "./reject_reasons.ts";
import { operatorIn } from "./operator.ts";
import { printError } from "./print.ts";
import { whileCurrent } from "./service.ts";
import { untilStopped } from "./signals.ts";
import { openSourceFile, type SourceFile } from "./source_file.ts";
import { formatTable, indent, right, terminalColumns } from "./table.ts";
import { formatReport } from "./verify.ts";

/** The orders of the tour; where they come from stands in tools/samples/README.md. */
const sample = new URL("../tools/samples/online-retail-2010-12.csv.gz", import.meta.url);

/** Enough for most products of the sample and too little for the most wanted, so that some orders run short. */
const demoStock = "1000";

const command: Command = {
  summary: "Shows everything once: import, work, figures, proof, dashboard.",
  help: `
Usage: deno task demo [--exit] [FILE]

  FILE    a CSV of orders (default: 42,481 rows of a British gift retailer)
  --exit  stop after the verification instead of serving the API until Ctrl-C

Starts private engines in a temporary folder, unless DATABASE_URL and REDIS_URL are set. Missing programs
are installed with the machine's package manager. While it runs, other commands use its engines (see deno task
engines). Where port 8000 is taken and PORT is not set, another one is used.`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["exit"], positionals: [0, 1] });
    const [named] = options.positionals;
    const path = named === undefined ? sample : resolve(env.INIT_CWD ?? "", named);
    const open = () => openSourceFile(path, named ?? "the sample");
    // Before engines are started for it.
    const file = await open();
    const currency = named === undefined ? "GBP" : await firstCurrency((await open()).readable);
    const data = { BASE_CURRENCY: currency ?? "EUR", INITIAL_STOCK: demoStock };
    const operator = operatorIn(env);
    let engines: PrivateEngines | undefined;
    let share: Share | undefined;
    try {
      if (!(env.DATABASE_URL && env.REDIS_URL)) {
        say("Starting a private database and a private Redis");
        engines = await startPrivateEngines().catch((error) => {
          const why = describeStartFault(error, tmpdir(), "TMPDIR");
          throw new WorkflowError("unavailable", `Cannot start private engines: ${why}`);
        });
        const dir = env.ENGINES_DIR ? resolve(env.ENGINES_DIR) : keptDir;
        const shared = { ...data, ...withData(given(env)), ...engines.env };
        share = await shareEngines(dir, { by: "demo", env: shared, dir: engines.dir });
      }
      const more = { LOG_LEVEL: "error", PORT: anyPort };
      const settings = { ...data, ...more, ...given(env), ...engines?.env };
      return await withContext(settings, async (context) => {
        say(`  ${context.db.version} on ${new URL(context.config.databaseUrl).host}`);
        let code = 0;
        await untilStopped(context, async (signal) => {
          code = await tour(context, { name: basename(String(path)), file, operator }, signal);
          if (!signal.aborted && !options.flag("exit")) await serveOn(context, signal);
        });
        return code;
      }, { migrates: true, name: "demo" });
    } finally {
      await share?.withdraw();
      await engines?.stop();
      share?.close();
    }
  },
};

export default command;

/** Settings that all who use the same data must have alike. */
const dataSettings = ["BASE_CURRENCY", "INITIAL_STOCK", "KPI_TIMEZONE", "REDIS_PREFIX"];

function withData(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).filter(([name]) => dataSettings.includes(name)),
  );
}

/** The file that is shown, and who shows it. */
interface DemoSource {
  name: string;
  file: SourceFile;
  operator: Operator;
}

/** From the file to the proof. @returns the exit code */
async function tour(
  context: Context,
  source: DemoSource,
  signal: AbortSignal,
): Promise<number> {
  const orders = await importSample(context, source);
  await processAll(context, orders, signal);
  if (signal.aborted) return 0;
  await showFailures(context);
  return await showResults(context);
}

/** @returns how many orders were taken */
async function importSample(
  context: Context,
  { name, file, operator }: DemoSource,
): Promise<number> {
  say(`\nImporting ${cut(name, terminalColumns() - 10)}`);
  const reasons: RejectReasons = new Map();
  const report = await importFile(context, file.readable, {
    name,
    operator,
    onProgress: ({ rowsRead, rowsDone }) =>
      show(`  ${counted(rowsRead, "row")} read, ${formatCount(rowsDone)} done`),
    onRejected: (rows) => countReasons(reasons, rows),
  });
  const rate = Math.round(report.rows / Math.max(report.seconds, 0.001));
  say(
    `  ${counted(report.rows, "row")} in ${report.seconds.toFixed(1)} s ` +
      `(${formatCount(rate)} rows/s): ${counted(report.orders_new, "new order")}`,
  );
  if (report.rows_rejected > 0) {
    const { orders_rejected: orders, rows_rejected: rows } = report;
    say(`  rejected: ${counted(orders, "order")}, ${counted(rows, "row")}${whyDirty(name)}`);
    for (const line of reasonLines(reasons)) say(cut(`  ${line}`, terminalColumns()));
  }
  return report.orders_new;
}

function whyDirty(name: string): string {
  return sample.pathname.endsWith(`/${name}`) ? " (a real file, dirty on purpose)" : "";
}

async function processAll(
  context: Context,
  orders: number,
  signal: AbortSignal,
): Promise<void> {
  const { gateway, gatewayDelayMs } = context.config;
  const takes = gateway === "simulated" ? ` (simulated, takes ${gatewayDelayMs} ms)` : "";
  say(`\nProcessing: reserve, charge${takes}, settle, notify`);
  const started = performance.now();
  const showQueues = async () => {
    const status = await readQueueStatus(context, context.db).catch(() => null);
    if (status !== null) show(progressLine(status, orders, terminalColumns() - 1));
  };
  const ticker = setInterval(() => void showQueues(), 200);
  try {
    await runConsumers(
      context,
      { groups: [], batchSize: context.config.batchSize, drain: true },
      signal,
    );
  } finally {
    clearInterval(ticker);
  }
  const seconds = (performance.now() - started) / 1_000;
  say(`  nothing left to do after ${seconds.toFixed(1)} s`);
}

/** Why orders failed: nothing is wrong with the service where some do. */
async function showFailures({ db, config }: Context): Promise<void> {
  const ends = await countOrderEnds(db);
  const failed = ends.filter(({ status }) => status === "FAILED");
  if (failed.length === 0) return;
  const sum = (some: typeof ends) => some.reduce((total, { orders }) => total + orders, 0);
  const causes: Readonly<Record<FailureReason, string>> = {
    payment_declined: config.gateway === "simulated"
      ? "the simulated gateway declines odd totals"
      : "the payment provider declined",
    insufficient_stock: `there ${plural(config.initialStock, "is", "are")} ${
      counted(config.initialStock, "unit")
    } of each product here`,
    payment_timeout: "the payment provider gave no answer",
  };
  say(`\nFailed: ${formatCount(sum(failed))} of ${counted(sum(ends), "order")}`);
  say(indent(formatTable(
    [right("orders"), { heading: "reason" }, { heading: "why" }],
    failed.map(({ orders, failureReason }) => [
      formatCount(orders),
      failureReason ?? "",
      failureReason === null ? "" : causes[failureReason],
    ]),
  )));
}

/** Figures, leaderboard and proof. @returns the exit code */
async function showResults(context: Context): Promise<number> {
  const day = context.kpiDay(databaseTime(Date.now()));
  say("\nKPIs of today");
  say(indent(formatKpis(await readKpis(context, day, day))));

  say(`\nLeaderboard (${context.baseCurrency})`);
  const places = await readLeaderboard(context, context.baseCurrency, 5);
  const names = await readCustomerNames(context.db, places.map(({ customerId }) => customerId));
  say(indent(formatTable(
    [right("rank"), { heading: "customer" }, right("revenue")],
    places.map(({ customerId, revenueCents }, index) =>
      placeRow(
        index + 1,
        names.get(customerId)?.name ?? String(customerId),
        revenueCents,
        context.baseCurrency,
      )
    ),
  )));

  say("\nProof");
  const report = await verify(context);
  say(indent(formatReport(report)));
  return report.ok ? 0 : 1;
}

async function serveOn(context: Context, signal: AbortSignal): Promise<void> {
  const { batchSize } = context.config;
  const consumers = whileCurrent(
    context,
    signal,
    (signal) => runConsumers(context, { groups: [], batchSize, drain: false }, signal),
  );
  const serving = serveHttp(context, signal, {
    command: "demo",
    onTaken: printError,
    onListening: (url) => {
      say(`\nDashboard: ${url}/dashboard`);
      say(`API:       ${url}/kpis, ${url}/docs`);
      say(`In another terminal: ${["kpis", "refund 1", "import FILE"].map(typed).join(", ")}`);
      say("Ctrl-C ends it, and these engines with their data");
    },
  });
  await Promise.all([consumers, serving]);
}
