/**
 * `deno task engines`: the private engines that commands use where nothing is set.
 *
 * @module
 */

import { resolve } from "node:path";
import {
  keeperName,
  listEngines,
  type SharedEngines,
  stopEngines,
} from "../tools/engines/shared_engines.ts";
import { keptDir } from "../tools/engines/use_engines.ts";
import { type Command, readOptions, usage } from "./command.ts";
import { print } from "./print.ts";

const command: Command = {
  summary: "Shows or stops the private engines that commands share for trials.",
  help: `
Usage: deno task engines [status|stop]

  status  which run, who uses them, and their URLs with passwords (default)
  stop    end those that are kept for the next command; those of demo end with it

Where neither DATABASE_URL nor REDIS_URL is set, a command uses the private engines that run, those that were
started last first, and else starts some. They end when nobody has used them for ten minutes; their data stays in
.data/dev, or in ENGINES_DIR.`,
  async run(args, env) {
    const { positionals: [what = "status"] } = readOptions(args, { positionals: [0, 1] });
    const dir = env.ENGINES_DIR ? resolve(env.ENGINES_DIR) : keptDir;
    if (what === "stop") return await stop(dir);
    if (what !== "status") throw usage(`There is no "engines ${what}"; there are status and stop`);
    const running = await listEngines(dir);
    if (running.length === 0) print("No private engines run; the next command starts some");
    for (const { engines, users } of running) print(describe(engines, users));
    return 0;
  },
};

export default command;

function describe({ by, pid, dir, env }: SharedEngines, users: readonly number[]): string {
  const isKept = by === keeperName;
  const whose = isKept ? "Kept for the next command" : `Those of ${by}`;
  // Whoever runs them for itself holds no place among their users.
  const all = isKept ? users : [pid, ...users];
  return [
    `${whose}, process ${pid}, in ${dir}`,
    `  used by ${all.length === 0 ? "nobody now" : `process ${all.join(", ")}`}`,
    ...Object.entries(env).map(([name, value]) => `  ${name}=${value}`),
  ].join("\n");
}

async function stop(dir: string): Promise<number> {
  let stopped = 0;
  for (const { engines, users } of await listEngines(dir)) {
    if (await stopEngines(engines)) {
      stopped++;
      const used = users.length === 0 ? "" : `, which process ${users.join(", ")} still used`;
      print(`Stopped the engines in ${engines.dir}${used}`);
    } else {
      print(`The engines of ${engines.by} (process ${engines.pid}) end with it`);
    }
  }
  if (stopped === 0) print("No engines are kept");
  return 0;
}
