/**
 * The primary of a replication group is frozen, so that its sockets stay open, and wakes up later.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "group_frozen",
  summary: "the primary of a replication group stands still, and wakes up",
  database: "group",
  redis: "single",
  async run(stage) {
    const { database } = stage;
    const [node] = database.nodes;
    const at = await stage.breaks(() => node!.kill("SIGSTOP"));
    await takesOrdersAgain(stage, at);
    await pauseMs(stage.brokenMs);
    node!.kill("SIGCONT");
    await pauseMs(stage.brokenMs / 4);
    await database.rejoin(node!);
    await pauseMs(stage.brokenMs / 4);
  },
};

export default scenario;
