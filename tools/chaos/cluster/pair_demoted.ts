/**
 * A primary and its replica change places in order, while sessions of the old one live on.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ReplicatedServers } from "./engines/replicated_pair.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "pair_demoted",
  summary: "a primary and its replica change places",
  database: "async",
  redis: "single",
  async run(stage) {
    const pair = stage.database as ReplicatedServers;
    await stage.breaks(() => pair.switchOver());
    await takesOrdersAgain(stage, performance.now());
    await pauseMs(stage.brokenMs);
  },
};

export default scenario;
