/**
 * Another member of a replication group is made its primary, while sessions of the old one live on.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ReplicationGroup } from "./engines/replication_group.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { takesOrdersAgain } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "group_demoted",
  summary: "the primary of a replication group is demoted, and made primary again",
  database: "group",
  redis: "single",
  async run(stage) {
    const group = stage.database as ReplicationGroup;
    await stage.breaks(() => group.setPrimary(group.nodes[1]!));
    await takesOrdersAgain(stage, performance.now());
    await pauseMs(stage.brokenMs);
    await stage.breaks(() => group.setPrimary(group.nodes[0]!));
    await takesOrdersAgain(stage, performance.now());
    await pauseMs(stage.brokenMs / 2);
  },
};

export default scenario;
