/**
 * The primary of a replication group loses the others and answers on, while its hosts reach all of them.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { cutBothWays } from "./harness/network.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "group_isolated",
  summary: "the primary of a replication group loses the others, and finds them again",
  database: "group",
  redis: "single",
  network: true,
  async run(stage) {
    const { database, network } = stage;
    const at = await stage.breaks(() => cutBothWays(network, "d1", ["d2", "d3"]));
    await takesOrdersAgain(stage, at);
    await pauseMs(stage.brokenMs);
    await network.heal();
    await database.rejoin(database.nodes[0]!);
    await pauseMs(stage.brokenMs / 4);
  },
};

export default scenario;
