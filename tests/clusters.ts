import { Redis } from "ioredis";
import { freePort } from "../tools/engines/free_port.ts";
import { until } from "../tools/chaos/harness/until.ts";
import { type OwnRedis, ownRedis } from "./own_engines.ts";

/** What a node remembers that serves all slots. */
export const wholeCluster =
  `${"a1".repeat(20)} 127.0.0.1:0@0 myself,master - 0 0 1 connected 0-16383\n` +
  "vars currentEpoch 1 lastVoteEpoch 0\n";

/** A node of a cluster, and the way to it that is nobody else's. */
export interface ClusterNode extends OwnRedis {
  readonly admin: Redis;
  /** Where it takes encrypted connections. */
  readonly tlsPort: number;
}

/** Masters that share the slots, and a replica of the first. */
export interface OwnCluster {
  readonly nodes: readonly ClusterNode[];
  readonly password: string;
  /** The master that holds a slot. */
  ownerOf(slot: number): Promise<ClusterNode>;
  /** Moves a slot to another master key by key, as `redis-cli --cluster reshard` does. @returns the steps it took */
  move(slot: number, to: ClusterNode): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
}

const patienceMs = 30_000;

/** Keys that are moved in one step. */
const keysPerStep = 3;

/**
 * Starts a cluster of three masters and a replica of the first.
 *
 * @param tls lines of the configuration that a node on this port needs for encrypted connections
 */
export async function startCluster(tls?: (port: number) => string[]): Promise<OwnCluster> {
  const password = "0123456789abcdef".repeat(3);
  const nodes: ClusterNode[] = [];
  for (let n = 0; n < 4; n++) nodes.push(await startNode(password, tls));
  const masters = nodes.slice(0, 3);
  await join(nodes, masters);
  const ownerOf = async (slot: number) => {
    for (const { admin } of nodes) {
      const ranges = await admin.cluster("SLOTS").catch(() => []) as [number, number, [
        string,
        number,
      ]][];
      const port = ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1];
      const owner = nodes.find((node) => node.port === port);
      if (owner !== undefined) return owner;
    }
    throw new Error(`no node tells whose slot ${slot} is`);
  };
  return {
    nodes,
    password,
    ownerOf,
    move: async (slot, to) => await moveSlot(slot, await ownerOf(slot), to, nodes, password),
    async [Symbol.asyncDispose]() {
      for (const node of nodes) {
        node.admin.disconnect();
        await node[Symbol.asyncDispose]();
      }
    },
  };
}

async function startNode(
  password: string,
  tls: ((port: number) => string[]) | undefined,
): Promise<ClusterNode> {
  const tlsPort = await freePort();
  const server = await ownRedis([
    "cluster-enabled yes",
    "cluster-config-file nodes.conf",
    "cluster-node-timeout 1500",
    `cluster-port ${await freePort()}`,
    `masterauth ${password}`,
    ...tls?.(tlsPort) ?? [],
  ], { password, "nodes.conf": wholeCluster });
  const admin = new Redis(server.url);
  admin.on("error", () => {});
  // A start is over when a key can be read, so each serves all slots at first.
  await admin.cluster("RESET", "HARD");
  return Object.assign(server, { admin, tlsPort });
}

async function join(nodes: readonly ClusterNode[], masters: readonly ClusterNode[]) {
  const [first] = masters;
  const share = Math.ceil(16_384 / masters.length);
  for (const [index, { admin }] of masters.entries()) {
    await admin.call("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    const last = Math.min((index + 1) * share, 16_384) - 1;
    await admin.call("CLUSTER", "ADDSLOTSRANGE", String(index * share), String(last));
  }
  const bus = await first!.admin.config("GET", "cluster-port") as string[];
  for (const { admin } of nodes.slice(1)) {
    await admin.call("CLUSTER", "MEET", "127.0.0.1", String(first!.port), bus[1]!);
  }
  await until("the nodes know each other", patienceMs, async () => {
    for (const { admin } of nodes) {
      const info = String(await admin.cluster("INFO"));
      if (!/cluster_known_nodes:4/.test(info)) return info;
    }
    return true;
  });
  const id = String(await first!.admin.cluster("MYID"));
  await nodes.at(-1)!.admin.call("CLUSTER", "REPLICATE", id);
  await until("the cluster serves", patienceMs, async () => {
    for (const { admin } of nodes) {
      const info = String(await admin.cluster("INFO"));
      if (!/cluster_state:ok/.test(info)) return info;
    }
    return (await nodes.at(-1)!.admin.info("replication")).includes("master_link_status:up") ||
      "the replica does not follow";
  });
}

async function moveSlot(
  slot: number,
  from: ClusterNode,
  to: ClusterNode,
  nodes: readonly ClusterNode[],
  password: string,
): Promise<number> {
  const [source, target] = await Promise.all([from, to].map(({ admin }) => admin.cluster("MYID")));
  await to.admin.call("CLUSTER", "SETSLOT", String(slot), "IMPORTING", String(source));
  await from.admin.call("CLUSTER", "SETSLOT", String(slot), "MIGRATING", String(target));
  let steps = 0;
  for (;; steps++) {
    const keys = await from.admin.call(
      "CLUSTER",
      "GETKEYSINSLOT",
      String(slot),
      String(keysPerStep),
    ) as string[];
    if (keys.length === 0) break;
    await from.admin.call(
      "MIGRATE",
      ...["127.0.0.1", String(to.port), "", "0", "5000", "AUTH", password, "KEYS", ...keys],
    );
  }
  for (const { admin } of [to, from, ...nodes]) {
    await admin.call("CLUSTER", "SETSLOT", String(slot), "NODE", String(target)).catch(() => {});
  }
  return steps;
}
