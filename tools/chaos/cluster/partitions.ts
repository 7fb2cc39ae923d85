/**
 * Every pair of hosts that talk to each other is cut: one way, the other way, and both.
 *
 * @module
 */

import { pauseMs } from "../harness/until.ts";
import type { ClusterScenario } from "./harness/cluster_scenario.ts";
import { apiGap, findsAnotherServer, healsSoon } from "./harness/targets.ts";

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
    const pairs = [
      ...hosts.flatMap(({ name }) => servers.map((server): Pair => [name, server])),
      ...pairsOf(servers.filter((name) => name.startsWith("d"))),
    ];
    let worst = { ms: 0, cut: "" };
    for (const [one, other] of pairs) {
      for (const ways of [[[one, other]], [[other, one]], [[one, other], [other, one]]]) {
        const cutAt = await stage.breaks(async () => {
          for (const [from, to] of ways) await network.set(from!, to!, { drop: true });
        });
        await pauseMs(stage.brokenMs);
        await network.heal();
        const healedAt = performance.now();
        const cut = ways.map((way) => way.join("→")).join(" and ");
        await healsSoon(stage, hosts, healedAt, cut);
        const ms = apiGap(stage, cutAt, healedAt);
        if (/^[ab]d\d$/.test(one + other)) findsAnotherServer(stage, ms, cut);
        if (ms > worst.ms) worst = { ms, cut };
      }
    }
    figures.notes.push(
      `${pairs.length} pairs, each cut in three ways; a host took no order for at most ` +
        `${(worst.ms / 1_000).toFixed(1)} s while something was cut (${worst.cut})`,
    );
  },
};

export default scenario;

type Pair = [one: string, other: string];

function pairsOf(names: readonly string[]): Pair[] {
  return names.flatMap((one, at) => names.slice(at + 1).map((other): Pair => [one, other]));
}
