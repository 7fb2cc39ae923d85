/**
 * Every line between two hosts loses a packet in twenty.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { healsSoon } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "lossy_network",
  summary: "every line between two hosts loses 5 % of the packets",
  database: "single",
  redis: "single",
  network: true,
  async run(stage) {
    const { network, hosts } = stage;
    await stage.breaks(async () => {
      for (const from of network.hosts.keys()) {
        for (const to of network.hosts.keys()) {
          if (from !== to) await network.set(from, to, { loss: 0.05 });
        }
      }
    });
    await pauseMs(stage.brokenMs);
    await network.heal();
    await healsSoon(stage, hosts, performance.now());
  },
};

export default scenario;
