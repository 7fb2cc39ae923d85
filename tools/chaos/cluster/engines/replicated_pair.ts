/**
 * A MariaDB server and its replica, which somebody promotes when the first is lost.
 *
 * @module
 */

import {
  type ClusterFolder,
  type DatabaseNode,
  type DatabaseNodes,
  makeSeed,
  startNode,
  stopNodes,
} from "./database_node.ts";
import {
  caughtUp,
  follow,
  prepareReplica,
  promote,
  replicationArguments,
  semiSyncArguments,
  setReadOnly,
} from "./replication.ts";

/** The first node takes changes, the second follows it. */
export interface ReplicatedServers extends DatabaseNodes {
  /** Lets the second be written to, whatever it lacks. */
  promote(): Promise<void>;
  /** Has them change places in order: nothing is lost, and sessions of the first live on. */
  switchOver(): Promise<void>;
  /** Has the second fall behind, or catch up: it goes on to take what comes, and writes none of it down. */
  pause(on: boolean): Promise<void>;
}

/** Starts both. */
export async function startReplicatedPair(
  folder: ClusterFolder & { semiSync: boolean },
): Promise<ReplicatedServers> {
  const seed = await makeSeed("mariadb", folder.dir);
  const nodes: DatabaseNode[] = [];
  try {
    for (const number of [1, 2]) {
      const extra = replicationArguments("mariadb", number);
      if (folder.semiSync) extra.push(...semiSyncArguments[number === 1 ? "source" : "replica"]);
      nodes.push(await startNode(seed, folder, { name: `p${number}`, number, extra }));
    }
    const [first, second] = nodes as [DatabaseNode, DatabaseNode];
    // Until there is a replica, nothing could be committed.
    for (const node of nodes) await prepareReplica(node);
    await follow(second, first);
    await setReadOnly(second, true);
    return {
      nodes,
      promote: () => promote(second),
      switchOver: async () => {
        await setReadOnly(first, true);
        await caughtUp(second, first);
        await promote(second);
        await follow(first, second);
      },
      pause: async (on) => {
        // What has arrived counts as safe in semi-synchronous replication, so that only asynchronous ones fall behind.
        await second.administer(on ? "stop slave io_thread" : "start slave io_thread");
      },
      rejoin: async (node) => {
        await node.restart();
        await setReadOnly(node, true);
        await follow(node, node === first ? second : first);
      },
      stop: () => stopNodes(nodes),
    };
  } catch (error) {
    await stopNodes(nodes);
    throw error;
  }
}
