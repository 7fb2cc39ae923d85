/**
 * The slot that has all keys moves to another master of a cluster, key by key, while they are used.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { RedisClusterNodes } from "./engines/redis_cluster.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { goesOnWithoutRedis } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "redis_slot_moved",
  summary: "the slot that has all keys moves to another master",
  database: "single",
  redis: "cluster",
  async run(stage) {
    const cluster = stage.redis as RedisClusterNodes;
    let steps = 0;
    const at = await stage.breaks(async () => {
      steps = await cluster.moveSlot();
    });
    stage.figures.notes.push(`moved in ${steps} steps`);
    await pauseMs(stage.brokenMs);
    goesOnWithoutRedis(stage, at, performance.now());
  },
};

export default scenario;
