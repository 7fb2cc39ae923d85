/**
 * A member of a replication group with several primaries writes down late what the others have committed.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";

/** How long it is behind at a time, in milliseconds. */
const behindMs = 1_000;

const scenario: ClusterScenario = {
  name: "group_behind",
  summary: "one of several primaries of a replication group is a second behind, again and again",
  database: "group_multi",
  redis: "single",
  async run(stage) {
    const { database: { nodes }, figures } = stage;
    // Without it the whole group would wait for the slowest.
    for (const { administer } of nodes) {
      await administer("set global group_replication_flow_control_mode = 'DISABLED'");
    }
    let times = 0;
    await stage.breaks(async () => {
      const end = performance.now() + stage.brokenMs;
      for (; performance.now() < end; times++) {
        const wait = `do sleep(${behindMs / 1_000})`;
        await nodes[1]!.administer("flush tables with read lock", wait, "unlock tables");
        await pauseMs(behindMs / 2);
      }
    });
    figures.notes.push(`${times} times ${behindMs / 1_000} s behind`);
  },
};

export default scenario;
