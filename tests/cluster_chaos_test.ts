import assert from "node:assert/strict";
import { clusterScenarios, runClusterScenario } from "../tools/chaos/cluster/cluster.ts";
import { missingFor } from "../tools/chaos/cluster/harness/cluster_engines.ts";

/** Of `deno task chaos cluster`, what fits into a test suite: a loss of each engine, for a moment each. */
const chosen = ["galera_killed", "sentinel_killed"];

/** For how long something stays lost, in seconds. */
const seconds = 2;

for (const name of chosen) {
  const scenario = clusterScenarios.find((known) => known.name === name)!;
  // The suite runs on one database server at a time, and Galera is MariaDB's.
  const missing = Deno.env.get("TEST_ENGINE") === "mysql"
    ? "it runs on MariaDB"
    : await missingFor(scenario);
  Deno.test({
    name: `chaos cluster, ${name}: ${scenario.summary}${missing ? ` (skipped: ${missing})` : ""}`,
    ignore: missing !== undefined,
    fn: async () => {
      const log = (line: string) => console.error(line);
      const outcome = await runClusterScenario(scenario, { seconds, log });
      assert.deepEqual(outcome.missed, []);
      assert.equal(outcome.inDatabase, outcome.acknowledged);
      assert.equal(outcome.deadLetters, 0);
    },
  });
}
