/**
 * Holds private engines until its standard input ends: `hold_engines.ts ENGINE [DIR]`. Prints one
 * line of JSON, `{env, pids, dir}`, when they run. A test kills it to see what it leaves behind.
 *
 * @module
 */
import { once } from "node:events";
import { dirname } from "node:path";
import process from "node:process";
import { startPrivateEngines } from "../tools/engines/private_engines.ts";

if (import.meta.main) {
  const [engine, dir] = process.argv.slice(2);
  const engines = await startPrivateEngines({
    engine: engine === "mysql" ? "mysql" : "mariadb",
    dir,
    inMemory: true,
  });
  console.log(JSON.stringify({
    env: engines.env,
    pids: [engines.database.pid, engines.redis.pid],
    dir: dirname(engines.database.dir),
  }));
  await once(process.stdin.resume(), "end");
  await engines.stop();
}
