/**
 * The primary of a semi-synchronous pair is killed (`kill -9`), and its replica promoted.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ReplicatedServers } from "./engines/replicated_pair.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

/** After which a failover manager promotes the replica, in milliseconds. */
const noticedMs = 2_000;

const scenario: ClusterScenario = {
  name: "semi_sync_promoted",
  summary: "the primary of a semi-synchronous pair is killed, and its replica promoted",
  database: "semi_sync",
  redis: "single",
  async run(stage) {
    const pair = stage.database as ReplicatedServers;
    const at = await stage.breaks(async () => {
      pair.nodes[0]!.kill("SIGKILL");
      await pauseMs(noticedMs);
      await pair.promote();
    });
    await takesOrdersAgain(stage, at);
    await pauseMs(stage.brokenMs);
  },
};

export default scenario;
