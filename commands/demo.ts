/**
 * `deno task demo`: the tour.
 *
 * @module
 */

import { writeSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { readCustomerNames } from "../db/catalog/customers.ts";
import { groupedAmount, namedAmount } from "../domain/money.ts";
import { type PrivateEngines, startPrivateEngines } from "../tools/engines/private_engines.ts";
import { serveHttp } from "../routes/server.ts";
import { importFile } from "../services/import_file.ts";
import { readKpis, readLeaderboard } from "../streams/kpis/kpis.ts";
import { readQueueStatus } from "../streams/workflow/queue_status.ts";
import { runConsumers } from "../streams/run_consumers.ts";
import { verify } from "../streams/verification/verify.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { type Command, readOptions } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { formatKpis } from "./kpis.ts";
import { print } from "./print.ts";
import { untilStopped } from "./signals.ts";
import { openSourceFile, type SourceFile } from "./source_file.ts";
import { formatTable, indent, right } from "./table.ts";
import { formatReport } from "./verify.ts";

/** The orders of the tour; where they come from stands in tools/samples/README.md. */
const sample = new URL("../tools/samples/online-retail-2010-12.csv.gz", import.meta.url);

/** Settings that suit the sample; the environment's own go before them. */
const sampleSettings = {
  BASE_CURRENCY: "GBP",
  // Enough for most products and too little for the most wanted, so that some orders run short.
  INITIAL_STOCK: "1000",
  LOG_LEVEL: "warn",
};

const command: Command = {
  summary: "Shows everything once: engines, import, processing, figures, verification, API.",
  help: `
Usage: deno task demo [--exit] [FILE]

  FILE    a CSV of orders (default: 42,481 rows of a British gift retailer)
  --exit  stop after the verification instead of serving the API until Ctrl-C

Starts private engines in a temporary folder, unless DATABASE_URL and REDIS_URL are set. Missing programs
are installed with the machine's package manager.`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["exit"], positionals: [0, 1] });
    const [named] = options.positionals;
    const path = named === undefined ? sample : resolve(env.INIT_CWD ?? "", named);
    // Before engines are started for it.
    const file = await openSourceFile(path, named ?? "the sample");
    const ownEngines = !(env.DATABASE_URL && env.REDIS_URL);
    let engines: PrivateEngines | undefined;
    try {
      if (ownEngines) {
        say("Starting a private database and a private Redis");
        engines = await startPrivateEngines();
      }
      const settings = { ...sampleSettings, ...given(env), ...engines?.env };
      return await withContext(settings, async (context) => {
        say(`  ${context.db.version} on ${hostOf(context.config.databaseUrl)}`);
        let code = 0;
        await untilStopped(context, async (signal) => {
          await importSample(context, String(path).split("/").at(-1)!, file);
          await processAll(context, signal);
          if (signal.aborted) return;
          code = await showResults(context);
          if (!options.flag("exit")) await serveOn(context, signal);
        });
        return code;
      }, { migrates: true });
    } finally {
      await engines?.stop();
    }
  },
};

export default command;

async function importSample(context: Context, name: string, file: SourceFile): Promise<void> {
  say(`\nImporting ${name}`);
  const report = await importFile(context, file.readable, {
    name,
    onProgress: ({ rowsRead, rowsDone }) =>
      show(`  ${formatCount(rowsRead)} rows read, ${formatCount(rowsDone)} done`),
  });
  const rate = Math.round(report.rows / Math.max(report.seconds, 0.001));
  say(
    `  ${formatCount(report.rows)} rows in ${report.seconds.toFixed(1)} s (${
      formatCount(rate)
    } rows/s): ` +
      `${formatCount(report.orders_new)} new orders, ${
        formatCount(report.orders_rejected)
      } rejected with ` +
      `${formatCount(report.rows_rejected)} rows`,
  );
}

async function processAll(context: Context, signal: AbortSignal): Promise<void> {
  say(
    `\nProcessing: reserve, charge (the gateway takes ${context.config.gatewayDelayMs} ms), settle`,
  );
  const started = performance.now();
  const ticker = setInterval(() => void showQueues(context, started), 200);
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

/** What waits in each group, and the money in it. */
async function showQueues({ redis, keys, db }: Context, started: number): Promise<void> {
  const status = await readQueueStatus({ redis, keys }, db).catch(() => null);
  if (status === null) return;
  const parts = status.map(({ group, length, scheduled, money }) => {
    const waiting = money.map(({ currency, amountCents }) =>
      ` ${namedAmount(amountCents, currency)}`
    );
    return `${group} ${formatCount(length + scheduled)}${waiting.join("")}`;
  });
  show(`  ${((performance.now() - started) / 1_000).toFixed(1)} s  ${parts.join(" | ")}`);
}

async function showResults(context: Context): Promise<number> {
  const day = context.kpiDay(new Date().toISOString().replace("T", " "));
  say("\nKPIs of today");
  say(indent(formatKpis(await readKpis(context, day, day))));

  say(`\nLeaderboard (${context.baseCurrency})`);
  const places = await readLeaderboard(context, context.baseCurrency, 5);
  const names = await readCustomerNames(context.db, places.map(({ customerId }) => customerId));
  say(indent(formatTable(
    [right("rank"), { heading: "customer" }, right("revenue")],
    places.map(({ customerId, revenueCents }, index) => [
      String(index + 1),
      names.get(customerId)?.name ?? String(customerId),
      groupedAmount(revenueCents, context.baseCurrency),
    ]),
  )));

  say("\nProof");
  const report = await verify(context);
  say(indent(formatReport(report)));
  return report.ok ? 0 : 1;
}

async function serveOn(context: Context, signal: AbortSignal): Promise<void> {
  say("");
  const consumers = runConsumers(
    context,
    { groups: [], batchSize: context.config.batchSize, drain: false },
    signal,
  );
  const serving = serveHttp(context, signal, {
    onListening: (url) => say(`Serving ${url} — try ${url}/kpis or ${url}/streams; Ctrl-C ends`),
  });
  await Promise.all([consumers, serving]);
}

/** Settings that are really set. */
function given(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}

function hostOf(url: string): string {
  return new URL(url).host;
}

let shown = false;

/** A line that stays. */
function say(line: string): void {
  if (shown) writeSync(1, "\r\x1b[K");
  shown = false;
  print(line);
}

/** A line that the next one replaces; only a terminal shows it. */
function show(line: string): void {
  if (!process.stdout.isTTY) return;
  writeSync(1, `\r\x1b[K${line.slice(0, process.stdout.columns - 1)}`);
  shown = true;
}
