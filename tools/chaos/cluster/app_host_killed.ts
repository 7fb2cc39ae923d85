/**
 * A host of the product is killed (`kill -9`) with work in its hands.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { stopWithWork, workIsTakenOver } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "app_host_killed",
  summary: "a host of the product is killed",
  database: "single",
  redis: "single",
  async run(stage) {
    const [host] = stage.hosts;
    stage.lostHosts.add(host!.name);
    await stopWithWork(stage, host!);
    const at = await stage.breaks(() => host!.signal("SIGKILL"));
    await workIsTakenOver(stage, host!, at);
    await pauseMs(stage.brokenMs);
  },
};

export default scenario;
