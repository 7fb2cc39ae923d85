/**
 * A Redis Cluster of three masters with a replica each.
 *
 * @module
 */

import { until } from "../../harness/until.ts";
import type { ClusterFolder } from "./database_node.ts";
import {
  type RedisNode,
  type RedisNodes,
  redisPassword,
  startRedisNode,
  stopRedisNodes,
  untilAnother,
} from "./redis_nodes.ts";

const masters = 3;
const slots = 16_384;

/** Silence after which the others take a node for lost, in milliseconds. */
const nodeTimeoutMs = 3_000;

/** Longest wait until all nodes agree, in milliseconds. */
const agreeMs = 30_000;

/** Most keys of a slot that move in one step. */
const keysAtOnce = 10;

/** Milliseconds that a step of a move may take. */
const moveMs = 20_000;

/** The prefix of the product's keys: one slot has them all. */
export const clusterPrefix = "{orders}:";

/** A cluster whose slots can be moved. */
export interface RedisClusterNodes extends RedisNodes {
  /** Moves the slot of the product's keys to another master, some keys at a time. @returns how many steps */
  moveSlot(): Promise<number>;
}

/** Starts all nodes, a replica after each master. */
export async function startRedisCluster(folder: ClusterFolder): Promise<RedisClusterNodes> {
  const nodes: RedisNode[] = [];
  const stop = () => stopRedisNodes(nodes);
  try {
    for (let number = 1; number <= 2 * masters; number++) {
      const extra = [
        "cluster-enabled yes",
        "cluster-config-file nodes.conf",
        `cluster-node-timeout ${nodeTimeoutMs}`,
      ];
      nodes.push(await startRedisNode(folder, { name: `c${number}`, number, extra }));
    }
    await bringTogether(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  const slot = Number(await nodes[0]!.ask("cluster", "keyslot", clusterPrefix));
  const master = () => Promise.any(nodes.map((node) => ownerBy(node, slot, nodes)));
  return {
    nodes,
    url: nodes.map(({ url }) => url.replace(/0$/, "")).join(","),
    master,
    masterAfter: (before) => untilAnother(before, master),
    moveSlot: () => moveSlot(nodes, slot, master),
    stop,
  };
}

async function bringTogether(nodes: readonly RedisNode[]): Promise<void> {
  const [first] = nodes;
  for (const { address, port } of nodes.slice(1)) {
    await first!.ask("cluster", "meet", address, port);
  }
  for (let at = 0; at < masters; at++) {
    const from = Math.floor(at * slots / masters);
    const to = Math.floor((at + 1) * slots / masters) - 1;
    const numbers = Array.from({ length: to - from + 1 }, (_, more) => from + more);
    await nodes[at]!.ask("cluster", "addslots", ...numbers);
  }
  await until("all nodes know each other", agreeMs, async () => {
    for (const node of nodes) {
      const info = String(await node.ask("cluster", "info"));
      if (!info.includes(`cluster_known_nodes:${nodes.length}`)) return info;
    }
    return true;
  });
  for (let at = 0; at < masters; at++) {
    await nodes[masters + at]!.ask("cluster", "replicate", await idOf(nodes[at]!));
  }
  await until("the cluster is whole", agreeMs, async () => {
    for (const node of nodes) {
      const info = String(await node.ask("cluster", "info"));
      if (!info.includes("cluster_state:ok")) return info;
    }
    const replicas = nodes.slice(masters);
    for (const node of replicas) {
      const info = String(await node.ask("info", "replication"));
      if (!/master_link_status:up/.test(info)) return info;
    }
    return true;
  });
}

async function idOf({ ask }: RedisNode): Promise<string> {
  return String(await ask("cluster", "myid"));
}

/** Who has a slot, as a node says it. */
async function ownerBy(
  { ask }: RedisNode,
  slot: number,
  nodes: readonly RedisNode[],
): Promise<RedisNode> {
  const ranges = await ask("cluster", "slots") as [number, number, [string, number]][];
  const range = ranges.find(([from, to]) => from <= slot && slot <= to);
  const found = nodes.find(({ port }) => port === range?.[2][1]);
  if (found === undefined) throw new Error(`Nobody has slot ${slot}`);
  return found;
}

async function moveSlot(
  nodes: readonly RedisNode[],
  slot: number,
  master: () => Promise<RedisNode>,
): Promise<number> {
  const source = await master();
  const target = await otherMaster(nodes, source);
  const [sourceId, targetId] = [await idOf(source), await idOf(target)];
  await target.ask("cluster", "setslot", slot, "importing", sourceId);
  await source.ask("cluster", "setslot", slot, "migrating", targetId);
  let steps = 0;
  for (;; steps++) {
    const keys = await source.ask("cluster", "getkeysinslot", slot, keysAtOnce) as string[];
    if (keys.length === 0) break;
    const { address, port } = target;
    const how = ["auth", redisPassword, "keys", ...keys];
    await source.ask("migrate", address, port, "", 0, moveMs, ...how);
  }
  for (const node of [target, source]) await node.ask("cluster", "setslot", slot, "node", targetId);
  return steps;
}

async function otherMaster(nodes: readonly RedisNode[], source: RedisNode): Promise<RedisNode> {
  for (const node of nodes) {
    const role = await node.ask("role") as [string];
    if (node !== source && role[0] === "master") return node;
  }
  throw new Error(`${source.name} is the only master`);
}
