/**
 * The Redis master of a cluster is frozen, so that its sockets stay open; a replica takes its place.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { goesOnWithoutRedis } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "redis_cluster_frozen",
  summary: "the Redis master of a cluster stands still, and wakes up",
  database: "single",
  redis: "cluster",
  async run(stage) {
    const { redis, figures } = stage;
    const master = await redis.master();
    const at = await stage.breaks(() => master.kill("SIGSTOP"));
    await redis.masterAfter(master);
    figures.notes.push(`another master after ${((performance.now() - at) / 1_000).toFixed(1)} s`);
    await pauseMs(stage.brokenMs);
    master.kill("SIGCONT");
    await pauseMs(stage.brokenMs);
    goesOnWithoutRedis(stage, at, performance.now());
  },
};

export default scenario;
