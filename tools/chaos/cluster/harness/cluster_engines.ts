/**
 * The database and the Redis of a scenario, each of them one server or several.
 *
 * @module
 */

import { join } from "node:path";
import { findGalera } from "../../../engines/galera.ts";
import type { Place } from "../../../engines/place.ts";
import { ensurePrograms } from "../../../engines/programs.ts";
import {
  type ClusterFolder,
  type DatabaseNodes,
  makeSeed,
  startNode,
  stopNodes,
} from "../engines/database_node.ts";
import { startGaleraCluster } from "../engines/galera_cluster.ts";
import { startRedisCluster } from "../engines/redis_cluster.ts";
import { type RedisNodes, startRedisNode, stopRedisNodes } from "../engines/redis_nodes.ts";
import { startReplicatedPair } from "../engines/replicated_pair.ts";
import { startReplicationGroup } from "../engines/replication_group.ts";
import { startSentinels } from "../engines/sentinels.ts";
import type { ClusterSetup, DatabaseKind, RedisKind } from "./cluster_setup.ts";
import { missingForNetwork } from "./network.ts";

/** How many servers there are of a kind. */
export const databaseServers: Readonly<Record<DatabaseKind, number>> = {
  single: 1,
  galera: 3,
  group: 3,
  group_multi: 3,
  semi_sync: 2,
  async: 2,
};

/** How many servers there are of a kind; the Sentinels lie beside them. */
export const redisServers: Readonly<Record<RedisKind, number>> = {
  single: 1,
  sentinel: 3,
  cluster: 6,
};

/** What a scenario needs that can't be had here; undefined where it can be played. */
export async function missingFor(setup: ClusterSetup): Promise<string | undefined> {
  if (setup.network === true) {
    const missing = await missingForNetwork();
    if (missing !== undefined) return missing;
  }
  if (setup.database === "galera" && await findGalera() === undefined) {
    return "the package galera-4 is not installed, and can't be fetched";
  }
  const engine = setup.database.startsWith("group") ? "mysql" : "mariadb";
  try {
    await ensurePrograms({ engine, log: console.error });
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
}

/** Starts the database. */
export async function startDatabaseNodes(
  kind: DatabaseKind,
  parent: string,
  places?: readonly Place[],
): Promise<DatabaseNodes> {
  const folder: ClusterFolder = { dir: join(parent, "database"), places };
  switch (kind) {
    case "galera":
      return await startGaleraCluster({ ...folder, library: (await findGalera())! });
    case "group":
    case "group_multi":
      return await startReplicationGroup({ ...folder, multiPrimary: kind === "group_multi" });
    case "semi_sync":
    case "async":
      return await startReplicatedPair({ ...folder, semiSync: kind === "semi_sync" });
    case "single": {
      const seed = await makeSeed("mariadb", folder.dir);
      const node = await startNode(seed, folder, { name: "d1", number: 1 });
      return { nodes: [node], rejoin: () => node.restart(), stop: () => stopNodes([node]) };
    }
  }
}

/** Starts Redis. */
export async function startRedisNodes(
  kind: RedisKind,
  parent: string,
  places?: readonly Place[],
): Promise<RedisNodes> {
  const folder: ClusterFolder = { dir: join(parent, "redis"), places };
  switch (kind) {
    case "sentinel":
      return await startSentinels(folder);
    case "cluster":
      return await startRedisCluster(folder);
    case "single": {
      const node = await startRedisNode(folder, { name: "r1", number: 1 });
      return {
        nodes: [node],
        url: node.url,
        master: () => Promise.resolve(node),
        masterAfter: () => Promise.reject(new Error("There is no other")),
        stop: () => stopRedisNodes([node]),
      };
    }
  }
}
