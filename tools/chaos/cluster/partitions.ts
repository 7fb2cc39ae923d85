/**
 * Every pair of hosts that talk to each other is cut: one way, the other way, and both.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { healsSoon } from "./harness/targets.ts";

const scenario: ClusterScenario = {
  name: "partitions",
  summary: "every pair of hosts is cut, one way, the other way and both",
  database: "galera",
  redis: "single",
  network: true,
  async run(stage) {
    const { network, hosts, database, redis, figures } = stage;
    const servers = [
      ...database.nodes.map((_, at) => `d${at + 1}`),
      ...redis.nodes.map((_, at) => `r${at + 1}`),
    ];
    const nodes = servers.filter((name) => name.startsWith("d"));
    const pairs = [
      ...hosts.flatMap(({ name }) => servers.map((server): [string, string] => [name, server])),
      ...nodes.flatMap((one, at) =>
        nodes.slice(at + 1).map((other): [string, string] => [one, other])
      ),
    ];
    for (const [one, other] of pairs) {
      for (const ways of [[[one, other]], [[other, one]], [[one, other], [other, one]]]) {
        await stage.breaks(async () => {
          for (const [from, to] of ways) await network.set(from!, to!, { drop: true });
        });
        await pauseMs(stage.brokenMs);
        await network.heal();
        await healsSoon(stage, hosts, performance.now());
      }
    }
    figures.notes.push(`${pairs.length} pairs, each cut in three ways`);
  },
};

export default scenario;
