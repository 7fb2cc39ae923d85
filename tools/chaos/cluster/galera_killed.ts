/**
 * A node of Galera is killed (`kill -9`) that hosts write to, and comes back.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "galera_killed",
  summary: "a node of Galera that hosts write to is killed, and comes back",
  database: "galera",
  redis: "single",
  async run(stage) {
    const { database } = stage;
    const [node] = database.nodes;
    const at = await stage.breaks(() => node!.kill("SIGKILL"));
    await takesOrdersAgain(stage, at);
    await pauseMs(stage.brokenMs);
    await database.rejoin(node!);
    await pauseMs(stage.brokenMs / 4);
  },
};

export default scenario;
