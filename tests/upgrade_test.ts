import { join } from "node:path";
import { runScenario, scenarios } from "../tools/chaos/chaos.ts";
import { releaseBefore } from "../tools/chaos/harness/version_before.ts";
import { removeDatabase, startDatabase } from "../tools/engines/database.ts";

/** Why the release before can't be had here; undefined where it can. */
const whyNot = await releaseBefore().then(() => undefined, (error) => String(error.message));

if (whyNot !== undefined) console.error(`The release before is not tried: ${whyNot}`);

/** The scenarios of upgrades, and what keeps them from being tried. */
const chosen: readonly [name: string, ignore: boolean][] = [
  ["release_before", whyNot !== undefined],
  ["rolling_upgrade", false],
];

Deno.test("upgrades: versions work side by side through migrations under load, and lose nothing", async (t) => {
  const dir = await Deno.makeTempDir({ prefix: "orders_upgrade_test_" });
  const engine = Deno.env.get("TEST_ENGINE") === "mysql" ? "mysql" : "mariadb";
  const database = await startDatabase({
    engine,
    dir: join(dir, "database"),
    temporary: true,
    inMemory: true,
    redoLogMb: 128,
  });
  try {
    for (const [name, ignore] of chosen) {
      const scenario = scenarios.find((known) => known.name === name)!;
      await t.step({
        name: `${name}: ${scenario.summary}`,
        ignore,
        fn: async () => {
          const log = (line: string) => console.error(line);
          const { error } = await runScenario(scenario, { database, seed: 7, seconds: 2, log });
          if (error !== undefined) throw error;
        },
      });
    }
  } finally {
    await database.stop();
    await removeDatabase(database.dir);
    await Deno.remove(dir, { recursive: true }).catch(() => {});
  }
});
