/**
 * A host of the product is cut off from the database and Redis, with work in its hands.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { cutBothWays } from "./harness/network.ts";
import { healsSoon, workIsTakenOver } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "app_host_isolated",
  summary: "a host of the product is cut off, and comes back",
  database: "single",
  redis: "single",
  network: true,
  async run(stage) {
    const { hosts, network, lostHosts } = stage;
    const [host] = hosts;
    lostHosts.add(host!.name);
    const at = await stage.breaks(() => cutBothWays(network, host!.name, ["d1", "r1"]));
    await workIsTakenOver(stage, host!, at);
    await pauseMs(stage.brokenMs);
    await network.heal();
    await healsSoon(stage, hosts, performance.now());
  },
};

export default scenario;
