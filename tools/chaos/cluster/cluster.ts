/**
 * `deno task chaos cluster`: several hosts and several engines on this machine, of which one is lost, frozen, demoted or cut
 * off under load.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { messageOf } from "../../../domain/errors.ts";
import { closeScenario, type ClusterOutcome } from "./harness/closing.ts";
import { missingFor } from "./harness/cluster_engines.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import {
  closeAllStages,
  type ClusterStageOptions,
  openClusterStage,
} from "./harness/cluster_stage.ts";

import appHostFrozen from "./app_host_frozen.ts";
import appHostIsolated from "./app_host_isolated.ts";
import appHostKilled from "./app_host_killed.ts";
import asyncPromoted from "./async_promoted.ts";
import galeraBehind from "./galera_behind.ts";
import galeraFrozen from "./galera_frozen.ts";
import galeraIsolated from "./galera_isolated.ts";
import galeraKilled from "./galera_killed.ts";
import groupBehind from "./group_behind.ts";
import groupDemoted from "./group_demoted.ts";
import groupFrozen from "./group_frozen.ts";
import groupIsolated from "./group_isolated.ts";
import groupKilled from "./group_killed.ts";
import lossyNetwork from "./lossy_network.ts";
import pairDemoted from "./pair_demoted.ts";
import partitions from "./partitions.ts";
import redisClusterFrozen from "./redis_cluster_frozen.ts";
import redisClusterKilled from "./redis_cluster_killed.ts";
import redisSlotMoved from "./redis_slot_moved.ts";
import semiSyncPromoted from "./semi_sync_promoted.ts";
import sentinelFrozen from "./sentinel_frozen.ts";
import sentinelKilled from "./sentinel_killed.ts";
import slowNetwork from "./slow_network.ts";

/** Every scenario, in the order in which all of them are run. */
export const clusterScenarios: readonly ClusterScenario[] = [
  galeraKilled,
  galeraFrozen,
  galeraIsolated,
  galeraBehind,
  groupKilled,
  groupFrozen,
  groupDemoted,
  groupIsolated,
  groupBehind,
  semiSyncPromoted,
  asyncPromoted,
  pairDemoted,
  sentinelKilled,
  sentinelFrozen,
  redisClusterKilled,
  redisClusterFrozen,
  redisSlotMoved,
  appHostKilled,
  appHostFrozen,
  appHostIsolated,
  partitions,
  slowNetwork,
  lossyNetwork,
];

/** Seconds for which something stays broken, unless said otherwise. */
const defaultSeconds = 15;

/** Orders of the file that is imported while things break. */
const importOrders = 3_000;

const help =
  `Breaks one of several hosts, and proves that nothing was lost and how soon everything goes on.

Usage: deno task chaos cluster [--seconds=N] [--no-import] [SCENARIO…]

  --seconds=N  for how long something stays broken (default ${defaultSeconds})
  --no-import  without a file of orders that is imported meanwhile
  SCENARIO     only these

Scenarios:
${clusterScenarios.map(({ name, summary }) => `  ${name.padEnd(24)} ${summary}`).join("\n")}

Needs Debian's packages mariadb-server-core, redis-tools and galera-4 and a MySQL, which it installs or fetches where it may; those
with a network need Linux and root. What can't be had is said, and its scenarios are skipped. Exits 1 if one does not hold.`;

/**
 * Plays a scenario from an empty machine to an empty machine.
 *
 * @param log gets the last lines of every process when something does not hold
 */
export async function runClusterScenario(
  scenario: ClusterScenario,
  options: ClusterStageOptions & { log: (line: string) => void },
): Promise<ClusterOutcome> {
  const stage = await openClusterStage(scenario, options);
  try {
    let error: unknown;
    await scenario.run(stage).catch((thrown) => error = thrown);
    if (error !== undefined) stage.figures.missed.push(messageOf(error));
    const outcome = await closeScenario(scenario, stage);
    if (outcome.missed.length > 0) {
      for (const { task, pid, messages } of stage.hosts.flatMap(({ processes }) => processes)) {
        options.log(`--- ${task} (process ${pid})`);
        for (const line of messages.slice(-12)) options.log(line.slice(0, 400));
      }
    }
    return outcome;
  } finally {
    await stage.close();
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** Some lines of figures. */
function formatOutcome({ name }: ClusterScenario, outcome: ClusterOutcome): string {
  const { acknowledged, inDatabase, refundsAcknowledged, refundsDone, deadLetters } = outcome;
  return [
    `${name.padEnd(24)} ${outcome.missed.length === 0 ? "ok" : "FAILED"}  ` +
    `${acknowledged} orders acknowledged, ${inDatabase} in the database, ` +
    `${refundsAcknowledged} refunds, ${refundsDone} done, ${deadLetters} dead letters`,
    `  longest gap of the API ${seconds(outcome.apiGapMs)}, of work ${
      seconds(outcome.workGapMs)
    }; ` +
    `verify: ${outcome.verified}`,
    `  ${outcome.notes.join("; ")}`,
    ...outcome.missed.map((text) => `  MISSED: ${text}`),
  ].join("\n");
}

/** The arguments, or what is wrong with them. */
function readArgs(args: readonly string[]) {
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    string: ["seconds", "_"],
    boolean: ["import"],
    negatable: ["import"],
    default: { import: true },
    unknown: (arg: string) => {
      if (arg.startsWith("-")) unknown.push(arg);
      return true;
    },
  }) as Record<string, unknown> & { _: unknown[] };
  if (unknown.length > 0) return `Unknown option ${unknown[0]}`;
  const raw = String(parsed.seconds ?? defaultSeconds);
  if (!/^[1-9]\d{0,3}$/.test(raw)) return "--seconds must be an integer from 1 on";
  const names = parsed._.map(String);
  const wrong = names.find((name) => !clusterScenarios.some((known) => known.name === name));
  if (wrong !== undefined) return `There is no scenario "${wrong}"`;
  return {
    seconds: Number(raw),
    importOrders: parsed.import === true ? importOrders : undefined,
    chosen: clusterScenarios.filter(({ name }) => names.length === 0 || names.includes(name)),
  };
}

/** Ends everything on Ctrl-C, which the engines do not see. */
function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, async () => {
      await closeAllStages();
      Deno.exit(1);
    });
  }
}

/** @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(help);
    return 0;
  }
  const read = readArgs(args);
  if (typeof read === "string") {
    console.error(`${read} (see --help)`);
    return 2;
  }
  endOnSignals();
  const { chosen, ...options } = read;
  const counts = { held: 0, failed: 0, skipped: 0 };
  for (const scenario of chosen) {
    const missing = await missingFor(scenario);
    if (missing !== undefined) {
      console.log(`${scenario.name.padEnd(24)} skipped: ${missing}`);
      counts.skipped++;
      continue;
    }
    try {
      const outcome = await runClusterScenario(scenario, { ...options, log: console.error });
      console.log(formatOutcome(scenario, outcome));
      counts[outcome.missed.length === 0 ? "held" : "failed"]++;
    } catch (error) {
      console.log(`${scenario.name.padEnd(24)} FAILED  ${messageOf(error)}`);
      counts.failed++;
    }
  }
  const { held, failed, skipped } = counts;
  console.log(
    `${held} of ${chosen.length} scenarios hold, ${failed} failed, ${skipped} were skipped`,
  );
  return failed === 0 ? 0 : 1;
}
