/**
 * `deno task chaos`: breaks real processes and real engines, and proves after every break that nothing
 * was lost and nothing happened twice.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { join } from "node:path";
import { type DatabaseEngine, startDatabase } from "../engines/database.ts";
import type { EngineName } from "../engines/programs.ts";
import { main as runCluster } from "./cluster/cluster.ts";
import type { Scenario } from "./harness/scenario.ts";
import { type Figures, openStage } from "./harness/stage.ts";

import commitAnswersLost from "./commit_answers_lost.ts";
import connectionsCut from "./connections_cut.ts";
import consumersKilled from "./consumers_killed.ts";
import damageRepaired from "./damage_mended.ts";
import databaseKilled from "./database_killed.ts";
import databaseRestored from "./database_restored.ts";
import defaultTimes from "./default_times.ts";
import enginesHang from "./engines_hang.ts";
import gracefulStops from "./graceful_stops.ts";
import importerKilled from "./importer_killed.ts";
import killerMessage from "./killer_message.ts";
import lateAnswers from "./late_answers.ts";
import lockStorm from "./lock_storm.ts";
import turnsLost from "./turns_lost.ts";
import messagesDoubled from "./messages_doubled.ts";
import oldDatabase from "./old_database.ts";
import poison from "./poison.ts";
import providerBooks from "./provider_books.ts";
import redisFailover from "./redis_failover.ts";
import redisFlushed from "./redis_flushed.ts";
import redisFull from "./redis_full.ts";
import redisLost from "./redis_lost.ts";
import releaseBefore from "./release_before.ts";
import rollingUpgrade from "./rolling_upgrade.ts";
import singleProcessKilled from "./single_process_killed.ts";
import wrongClocks from "./wrong_clocks.ts";
import zombies from "./zombies.ts";

/** Every scenario, in the order in which all of them are run. */
export const scenarios: readonly Scenario[] = [
  consumersKilled,
  importerKilled,
  singleProcessKilled,
  defaultTimes,
  gracefulStops,
  zombies,
  redisLost,
  redisFlushed,
  redisFailover,
  damageRepaired,
  databaseKilled,
  databaseRestored,
  connectionsCut,
  commitAnswersLost,
  lockStorm,
  redisFull,
  enginesHang,
  messagesDoubled,
  lateAnswers,
  poison,
  killerMessage,
  turnsLost,
  wrongClocks,
  oldDatabase,
  providerBooks,
  releaseBefore,
  rollingUpgrade,
];

/** What a run of a scenario came to. */
export interface ScenarioOutcome {
  figures: Figures;
  seconds: number;
  /** Undefined where everything held. */
  error?: unknown;
}

/** Seconds of faults to a scenario, unless said otherwise. */
const defaultSeconds = 20;

const help = `Breaks real processes and engines, and proves that nothing was lost or happened twice.

Usage: deno task chaos [--seconds=N] [--seed=N] [--engine=mariadb|mysql] [SCENARIO]
       deno task chaos cluster [--help] [SCENARIO…]    several hosts and engines, of which one is lost

  --seconds=N    for how long each scenario makes faults (default ${defaultSeconds})
  --seed=N       which faults, and when; the same seed chooses the same (default: a random one, printed)
  --engine=NAME  the database server (default mariadb)
  SCENARIO       only this one

Scenarios:
${scenarios.map(({ name, summary }) => `  ${name.padEnd(24)} ${summary}`).join("\n")}

Every scenario ends with all orders settled and no drift. Exits 1 if one does not.`;

/**
 * Runs a scenario on a database server that is running.
 *
 * @param log gets the last lines of every process when something does not hold
 */
export async function runScenario(
  scenario: Scenario,
  options: { database: DatabaseEngine; seed: number; seconds: number; log: (line: string) => void },
): Promise<ScenarioOutcome> {
  const { database, seed, seconds, log } = options;
  const started = performance.now();
  const stage = await openStage({ database, seed, seconds, ...scenario.stage });
  let error: unknown;
  try {
    await scenario.run(stage);
  } catch (thrown) {
    error = thrown;
    for (const { task, pid, messages } of stage.processes) {
      log(`--- ${task} (process ${pid})`);
      for (const line of messages.slice(-15)) log(line);
    }
  }
  await stage.close().catch((closing) => error ??= closing);
  return { figures: stage.figures, seconds: (performance.now() - started) / 1_000, error };
}

/** One line of figures. */
function formatOutcome(
  scenario: Scenario,
  { figures, seconds, error }: ScenarioOutcome,
): string {
  const { orders, faults, redeliveries, maxRecoveryMs, notes } = figures;
  return [
    `${scenario.name.padEnd(24)} ${error === undefined ? "ok    " : "FAILED"}`,
    `${seconds.toFixed(1).padStart(6)} s`,
    `${orders} orders`,
    `${faults} faults`,
    `${redeliveries} redeliveries`,
    ...(maxRecoveryMs > 0 ? [`recovered within ${seconds2(maxRecoveryMs)}`] : []),
    ...notes,
  ].join("  ");
}

function seconds2(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

/** The arguments, or what is wrong with them. */
interface ChaosArgs {
  seconds: number;
  seed: number;
  engine: EngineName;
  chosen: readonly Scenario[];
}

function readArgs(args: string[]): ChaosArgs | string {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    string: ["seconds", "seed", "engine", "_"],
    unknown: (arg: string) => {
      if (arg.startsWith("-")) unknown.push(arg);
      return true;
    },
  }) as Record<string, unknown> & { _: unknown[] };
  if (unknown.length > 0) return `Unknown option ${unknown[0]}`;
  const integer = (name: string, fallback: number): number => {
    const raw = parsed[name];
    return raw === undefined ? fallback : /^\d{1,9}$/.test(String(raw)) ? Number(raw) : NaN;
  };
  const seconds = integer("seconds", defaultSeconds);
  const seed = integer("seed", crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000);
  const engine = String(parsed.engine ?? "mariadb");
  if (!(seconds >= 1)) return "--seconds must be an integer from 1 on";
  if (Number.isNaN(seed)) return "--seed must be an integer from 0 on";
  if (engine !== "mariadb" && engine !== "mysql") return "--engine must be mariadb or mysql";
  const names = parsed._.map(String);
  const wrong = names.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (wrong !== undefined) return `There is no scenario "${wrong}"`;
  const chosen = scenarios.filter(({ name }) => names.length === 0 || names.includes(name));
  return { seconds, seed, engine, chosen };
}

async function main({ seconds, seed, engine, chosen }: ChaosArgs): Promise<number> {
  console.log(`seed ${seed}, ${engine}, ${seconds} s of faults a scenario`);
  const dir = await Deno.makeTempDir({ prefix: "orders_chaos_" });
  const database = await startDatabase({ engine, dir: join(dir, "database"), temporary: true });
  let failed = 0;
  try {
    for (const scenario of chosen) {
      const log = (line: string) => console.error(line);
      const outcome = await runScenario(scenario, { database, seed, seconds, log });
      console.log(formatOutcome(scenario, outcome));
      for (const line of outcome.figures.table) console.log(`    ${line}`);
      if (outcome.error !== undefined) {
        failed++;
        const { error } = outcome;
        console.error(error instanceof Error ? error.stack ?? error.message : String(error));
        // The next scenario starts from a server that runs, whatever this one did to it.
        await database.restart();
      }
    }
  } finally {
    await database.stop();
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
  console.log(
    failed === 0 ? `all ${chosen.length} scenarios hold` : `${failed} of ${chosen.length} failed`,
  );
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  if (Deno.args[0] === "cluster") Deno.exit(await runCluster(Deno.args.slice(1)));
  if (Deno.args.includes("--help")) {
    console.log(help);
  } else {
    const args = readArgs(Deno.args);
    if (typeof args === "string") {
      console.error(`${args} (see --help)`);
      Deno.exit(2);
    }
    Deno.exit(await main(args));
  }
}
