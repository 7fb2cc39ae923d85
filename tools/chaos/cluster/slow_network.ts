/**
 * Every line between two hosts takes 100 ms.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { healsSoon } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "slow_network",
  summary: "every line between two hosts takes 100 ms",
  database: "single",
  redis: "single",
  network: true,
  async run(stage) {
    const { network, hosts } = stage;
    await stage.breaks(async () => {
      for (const from of network.hosts.keys()) {
        for (const to of network.hosts.keys()) {
          if (from !== to) await network.set(from, to, { delayMs: 100 });
        }
      }
    });
    await pauseMs(stage.brokenMs);
    await network.heal();
    await healsSoon(stage, hosts, performance.now());
  },
};

export default scenario;
