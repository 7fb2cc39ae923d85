/**
 * A host of the product is frozen with work in its hands.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { healsSoon, stopWithWork, workIsTakenOver } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "app_host_frozen",
  summary: "a host of the product stands still, and wakes up",
  database: "single",
  redis: "single",
  async run(stage) {
    const [host] = stage.hosts;
    stage.lostHosts.add(host!.name);
    const at = await stage.breaks(() => stopWithWork(stage, host!));
    await workIsTakenOver(stage, host!, at);
    await pauseMs(stage.brokenMs);
    host!.signal("SIGCONT");
    await healsSoon(stage, [host!], performance.now());
  },
};

export default scenario;
