/**
 * What a scenario of several hosts plays on: a database and a Redis of several servers, two hosts of the product, and
 * customers at each of them.
 *
 * @module
 */

import { migrate } from "../../../../db/connection/migrate.ts";
import { here, type Place } from "../../../engines/place.ts";
import { ampleStock } from "../../../orders/order_rows.ts";
import { writeOrdersFile } from "../../harness/orders.ts";
import { type Process, startTask } from "../../harness/process.ts";
import { pauseMs } from "../../harness/until.ts";
import { type DatabaseNodes, urlOfNodes } from "../engines/database_node.ts";
import { clusterPrefix } from "../engines/redis_cluster.ts";
import type { RedisNodes } from "../engines/redis_nodes.ts";
import { type AppHost, openAppHost } from "./app_host.ts";
import {
  databaseServers,
  redisServers,
  startDatabaseNodes,
  startRedisNodes,
} from "./cluster_engines.ts";
import type { ClusterSetup } from "./cluster_setup.ts";
import { type Network, openNetwork } from "./network.ts";
import { openShoppers, type Shoppers, untilOrdered } from "./shoppers.ts";
import { openWatch, prepareWatch, type Watch } from "./watch.ts";

/** What a scenario measured, and what it fell short of. */
export interface ClusterFigures {
  /** The longest of each kind of time that has a bound, in milliseconds. */
  longest: Map<string, number>;
  notes: string[];
  missed: string[];
}

/** What a scenario plays on. Times are `performance.now()`. */
export interface ClusterStage {
  readonly database: DatabaseNodes;
  readonly redis: RedisNodes;
  readonly hosts: readonly AppHost[];
  readonly shoppers: Shoppers;
  readonly watch: Watch;
  /** @throws where the scenario has none */
  readonly network: Network;
  /** Settings by which tasks of the product reach everything. */
  readonly env: Record<string, string>;
  /** A file that is imported while things break, and how many orders it has. */
  readonly imported: { process: Process; orders: number } | undefined;
  readonly figures: ClusterFigures;
  /** Names of hosts of the product that were broken themselves: nobody expects answers of them. */
  readonly lostHosts: Set<string>;
  /** For how long something stays broken, in milliseconds. */
  readonly brokenMs: number;
  /** When the first thing broke. */
  readonly brokenAt: number;
  /** Breaks something; everything is measured from the first time on. @returns when that was */
  breaks(work: () => Promise<unknown> | void): Promise<number>;
  /** Notes how long something took, and whether that is within what is promised; else also where, if that is said. */
  within(what: string, ms: number, boundMs: number, where?: string): void;
  /** Mends whatever lines and servers still stand still, where a scenario did not come to it. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** How to build a stage. */
export interface ClusterStageOptions {
  /** For how long something stays broken, in seconds. */
  seconds: number;
  /** Orders of a file that is imported meanwhile; default none. */
  importOrders?: number;
}

/** Settings of hosts: none of the times that the product promises is shortened. */
const settings = {
  BASE_CURRENCY: "GBP",
  INITIAL_STOCK: String(ampleStock),
  LOG_FORMAT: "json",
  GATEWAY_DELAY_MS: "300",
  // Much is in hand at any time, and nothing is finished at once.
  BATCH_SIZE: "50",
};

/** Orders of each host before anything breaks. */
const warmOrders = 15;

/** Longest wait for them, in milliseconds. */
const warmMs = 30_000;

/** Between the begin of an import and what breaks, in milliseconds: its process has to be at work. */
const importLeadMs = 2_500;

/** Builds a stage on which orders come in. */
export async function openClusterStage(
  setup: ClusterSetup,
  options: ClusterStageOptions,
): Promise<ClusterStage> {
  const dir = await Deno.makeTempDir({ prefix: "orders_chaos_" });
  const ends: (() => Promise<unknown>)[] = [() => Deno.remove(dir, { recursive: true })];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end().catch(() => {});
  };
  closings.add(close);
  ends.unshift(() => Promise.resolve(closings.delete(close)));
  try {
    return await build(setup, options, { dir, ends, close });
  } catch (error) {
    await close();
    throw error;
  }
}

const closings = new Set<() => Promise<void>>();

/** Ends everything that any stage has started. */
export async function closeAllStages(): Promise<void> {
  await Promise.all([...closings].map((close) => close()));
}

interface Building {
  dir: string;
  /** What is to be ended, the last first. */
  ends: (() => Promise<unknown>)[];
  close(): Promise<void>;
}

async function build(
  setup: ClusterSetup,
  { seconds, importOrders }: ClusterStageOptions,
  { dir, ends, close }: Building,
): Promise<ClusterStage> {
  const { network, placeOf, placesOf } = await placesFor(setup, ends);
  const database = await startDatabaseNodes(setup.database, dir, placesOf("d"));
  ends.push(database.stop);
  const redis = await startRedisNodes(setup.redis, dir, placesOf("r"));
  ends.push(redis.stop);
  await migrate(urlOfNodes(database.nodes));
  await prepareWatch(database.nodes[0]!);
  const env: Record<string, string> = {
    ...settings,
    DATABASE_URL: urlOfNodes(database.nodes),
    REDIS_URL: redis.url,
    ...setup.redis === "cluster" && { REDIS_PREFIX: clusterPrefix },
    ...setup.env,
  };
  const hosts = await openHosts(setup, { database, env, placeOf, ends });
  const watch = openWatch(database.nodes);
  ends.push(watch.stop);
  const shoppers = openShoppers(hosts);
  ends.push(shoppers.stop);
  await untilOrdered(shoppers, hosts, { count: warmOrders, withinMs: warmMs });
  const imported = importOrders === undefined
    ? undefined
    : await beginImport({ dir, env, orders: importOrders, ends });
  const figures: ClusterFigures = { longest: new Map(), notes: [], missed: [] };
  let brokenAt = Infinity;
  return {
    database,
    redis,
    hosts,
    shoppers,
    watch,
    get network() {
      if (network === undefined) throw new Error("This scenario has no network");
      return network;
    },
    env,
    imported,
    figures,
    lostHosts: new Set(),
    brokenMs: seconds * 1_000,
    get brokenAt() {
      return brokenAt;
    },
    breaks: async (work) => {
      const at = performance.now();
      brokenAt = Math.min(brokenAt, at);
      await work();
      return at;
    },
    within: (what, ms, boundMs, where) => {
      figures.longest.set(what, Math.max(ms, figures.longest.get(what) ?? 0));
      if (ms <= boundMs) return;
      const at = where === undefined ? "" : ` (${where})`;
      const took = `${(ms / 1_000).toFixed(1)} s`;
      figures.missed.push(`${what}${at} ${took}, promised are ${boundMs / 1_000} s`);
    },
    mend: async () => {
      await network?.heal();
      for (const node of [...database.nodes, ...redis.nodes]) node.kill("SIGCONT");
    },
    close,
  };
}

/** The names of hosts of the product. */
const hostNames = ["a", "b"] as const;

/** Where everything runs: on this machine itself, or on a network. */
async function placesFor(setup: ClusterSetup, ends: Building["ends"]) {
  const numbered = (letter: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${letter}${at + 1}`);
  const database = numbered("d", databaseServers[setup.database]);
  const redis = numbered("r", redisServers[setup.redis]);
  const network = setup.network === true
    ? await openNetwork([...hostNames, ...database, ...redis])
    : undefined;
  if (network !== undefined) ends.push(network.end);
  const placeOf = (name: string): Place => network?.hosts.get(name) ?? here;
  const placesOf = (letter: "d" | "r") => (letter === "d" ? database : redis).map(placeOf);
  return { network, placeOf, placesOf };
}

/** Host `a` has one process, `b` two; each begins with another server of a database that has several to write to. */
async function openHosts(
  setup: ClusterSetup,
  { database, env, placeOf, ends }: {
    database: DatabaseNodes;
    env: Record<string, string>;
    placeOf: (name: string) => Place;
    ends: Building["ends"];
  },
): Promise<AppHost[]> {
  const severalPrimaries = setup.database === "galera" || setup.database === "group_multi";
  return await Promise.all(hostNames.map(async (name, at) => {
    const first = severalPrimaries ? at : 0;
    const host = await openAppHost(name, {
      place: placeOf(name),
      env: { ...env, DATABASE_URL: urlOfNodes(database.nodes, first) },
      processes: at === 0 ? "one" : "two",
    });
    ends.push(async () => {
      host.signal("SIGKILL");
      await Promise.all(host.processes.map(({ ended }) => ended));
    });
    return host;
  }));
}

async function beginImport(
  { dir, env, orders, ends }: {
    dir: string;
    env: Record<string, string>;
    orders: number;
    ends: Building["ends"];
  },
): Promise<{ process: Process; orders: number }> {
  const file = `${dir}/orders.csv`;
  await writeOrdersFile(file, orders);
  const args = [file, `--initial-stock=${ampleStock}`, "--json"];
  const process = await startTask("import", args, env);
  ends.push(async () => {
    process.kill("SIGKILL");
    await process.ended;
  });
  await pauseMs(importLeadMs);
  return { process, orders };
}
