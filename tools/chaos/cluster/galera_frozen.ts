/**
 * A node of Galera that hosts write to is frozen, so that its sockets stay open, and wakes up later.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "galera_frozen",
  summary: "a node of Galera that hosts write to stands still, and wakes up",
  database: "galera",
  redis: "single",
  async run(stage) {
    const [node] = stage.database.nodes;
    const at = await stage.breaks(() => node!.kill("SIGSTOP"));
    await takesOrdersAgain(stage, at);
    await pauseMs(stage.brokenMs);
    node!.kill("SIGCONT");
    await pauseMs(stage.brokenMs / 4);
  },
};

export default scenario;
