/**
 * A replica is promoted that lacks the last commits of its primary.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ReplicatedServers } from "./engines/replicated_pair.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

/** How far the replica is behind, in milliseconds. */
const behindMs = 2_000;

/** After which a failover manager promotes it, in milliseconds. */
const noticedMs = 2_000;

const scenario: ClusterScenario = {
  name: "async_promoted",
  summary: "a replica is promoted that lacks the last commits of its primary",
  database: "async",
  redis: "single",
  mayLose: true,
  async run(stage) {
    const pair = stage.database as ReplicatedServers;
    await pair.pause(true);
    await pauseMs(behindMs);
    const at = await stage.breaks(async () => {
      pair.nodes[0]!.kill("SIGKILL");
      await pauseMs(noticedMs);
      stage.watch.forget();
      await pair.promote();
    });
    await takesOrdersAgain(stage, at);
    await pauseMs(stage.brokenMs);
  },
};

export default scenario;
