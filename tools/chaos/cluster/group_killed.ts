/**
 * The primary of a replication group is killed (`kill -9`), and comes back as a secondary.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "group_killed",
  summary: "the primary of a replication group is killed, and comes back",
  database: "group",
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
