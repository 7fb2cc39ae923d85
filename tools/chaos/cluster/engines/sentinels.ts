/**
 * A Redis master with two replicas, and three Sentinels that promote one of these when the master is lost.
 *
 * @module
 */

import { join } from "node:path";
import { here, type Place, startedAt } from "../../../engines/place.ts";
import { ensureRedisProgram } from "../../../engines/programs.ts";
import { type ServerOnPort, startOnPort } from "../../../engines/start_on_port.ts";
import { until } from "../../harness/until.ts";
import type { ClusterFolder } from "./database_node.ts";
import {
  askAt,
  type RedisNode,
  type RedisNodes,
  redisPassword,
  startRedisNode,
  stopRedisNodes,
  untilAnother,
  untilFollows,
} from "./redis_nodes.ts";

const size = 3;

/** What the master is called. */
const masterName = "orders";

/** Silence after which a Sentinel takes a master for lost, in milliseconds. */
const downAfterMs = 3_000;

/** Longest wait until the Sentinels know each other and the replicas, in milliseconds. */
const knownMs = 30_000;

/** Starts all of them, a Sentinel beside each server. */
export async function startSentinels(folder: ClusterFolder): Promise<RedisNodes> {
  const nodes: RedisNode[] = [];
  const sentinels: Sentinel[] = [];
  const stop = () => stopRedisNodes([...sentinels, ...nodes]);
  try {
    for (let number = 1; number <= size; number++) {
      const [first] = nodes;
      const extra = first === undefined ? [] : [`replicaof ${first.address} ${first.port}`];
      nodes.push(await startRedisNode(folder, { name: `r${number}`, number, extra }));
    }
    for (const node of nodes.slice(1)) await untilFollows(node);
    for (let number = 1; number <= size; number++) {
      sentinels.push(await startSentinel(folder, number, nodes[0]!));
    }
    await until("the Sentinels know each other and the replicas", knownMs, async () => {
      const known = await Promise.all(sentinels.map(countKnown));
      return known.every((count) => count === 2 * (size - 1)) || JSON.stringify(known);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const master = () => Promise.any(sentinels.map((sentinel) => masterBy(sentinel, nodes)));
  const hosts = sentinels.map(({ address, port }) => `${address}:${port}`).join(",");
  return {
    nodes,
    url: `redis+sentinel://:${redisPassword}@${hosts}/${masterName}`,
    master,
    masterAfter: (before) => untilAnother(before, master),
    stop,
  };
}

interface Sentinel extends ServerOnPort {
  address: string;
  ask: RedisNode["ask"];
}

async function startSentinel(
  folder: ClusterFolder,
  number: number,
  master: RedisNode,
): Promise<Sentinel> {
  const dir = join(folder.dir, `s${number}`);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  const place: Place = folder.places?.[number - 1] ?? here;
  const configFile = join(dir, "sentinel.conf");
  const server = await startOnPort({
    name: "sentinel",
    program: startedAt(place, await ensureRedisProgram({ log: console.error })),
    args: () => [configFile, "--sentinel"],
    dir,
    temporary: true,
    portTaken: /Address already in use/,
    prepare: (port) =>
      Deno.writeTextFile(
        configFile,
        [
          `bind ${place.address}`,
          `port ${port}`,
          `dir "${dir}"`,
          "protected-mode no",
          `sentinel monitor ${masterName} ${master.address} ${master.port} 2`,
          `sentinel auth-pass ${masterName} ${redisPassword}`,
          `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
          `sentinel failover-timeout ${masterName} 10000`,
        ].join("\n") + "\n",
        { mode: 0o600 },
      ),
    connect: async (port) => void await askAt({ address: place.address, port })("ping"),
  });
  const { address } = place;
  return Object.assign(server, { address, ask: askAt({ address, port: server.port }) });
}

/** How many replicas and other Sentinels it knows. */
async function countKnown({ ask }: Sentinel): Promise<number> {
  const fields = await ask("sentinel", "master", masterName) as string[];
  const field = (name: string) => Number(fields[fields.indexOf(name) + 1]);
  return field("num-slaves") + field("num-other-sentinels");
}

async function masterBy({ ask }: Sentinel, nodes: readonly RedisNode[]): Promise<RedisNode> {
  const [address, port] = await ask("sentinel", "get-master-addr-by-name", masterName) as string[];
  const found = nodes.find((node) => node.address === address && node.port === Number(port));
  if (found === undefined) throw new Error(`No server is at ${address}:${port}`);
  return found;
}
