import { join } from "node:path";
import { runScenario, scenarios } from "../tools/chaos/chaos.ts";
import { removeDatabase, startDatabase } from "../tools/engines/database.ts";

/** Of `deno task chaos`, what fits into a test suite: one scenario of each family, for a moment each. */
const chosen = [
  "consumers_killed",
  "redis_lost",
  "redis_failover",
  "database_killed",
  "database_restored",
  "commit_answers_lost",
  "poison",
  "provider_books",
];

/** Seconds of faults to a scenario. */
const seconds = 2;

/** The same faults in every run. */
const seed = 7;

Deno.test("chaos: nothing is lost and nothing happens twice", async (t) => {
  const dir = await Deno.makeTempDir({ prefix: "orders_chaos_test_" });
  const engine = Deno.env.get("TEST_ENGINE") === "mysql" ? "mysql" : "mariadb";
  const database = await startDatabase({
    engine,
    dir: join(dir, "database"),
    temporary: true,
    inMemory: true,
    redoLogMb: 128,
  });
  try {
    for (const name of chosen) {
      const scenario = scenarios.find((known) => known.name === name)!;
      await t.step(`${name}: ${scenario.summary}`, async () => {
        const log = (line: string) => console.error(line);
        const { error } = await runScenario(scenario, { database, seed, seconds, log });
        if (error !== undefined) throw error;
      });
    }
  } finally {
    await database.stop();
    await removeDatabase(database.dir);
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
});
