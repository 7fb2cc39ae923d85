/**
 * A node of Galera that hosts write to loses the others, and answers on without a quorum.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import { isolateGaleraNode } from "./engines/galera_cluster.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { healsSoon, takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "galera_isolated",
  summary: "a node of Galera that hosts write to loses the others, and finds them again",
  database: "galera",
  redis: "single",
  async run(stage) {
    const [node] = stage.database.nodes;
    await stage.breaks(() => isolateGaleraNode(node!, true));
    await takesOrdersAgain(stage, performance.now());
    await pauseMs(stage.brokenMs);
    await isolateGaleraNode(node!, false);
    await healsSoon(stage, stage.hosts, performance.now());
  },
};

export default scenario;
