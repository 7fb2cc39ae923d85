/**
 * `deno task dev`: the single process on private engines, with reload.
 *
 * @module
 */

import { join } from "node:path";
import { dataDir } from "../tools/engines/data_dir.ts";
import { startPrivateEngines } from "../tools/engines/private_engines.ts";
import { type Command, readOptions } from "./command.ts";
import { printError } from "./print.ts";

const command: Command = {
  summary:
    "Runs `start` on private engines that are kept in .data/, and again whenever a file changes.",
  help: `
Usage: deno task dev

The engines listen on free loopback ports and end with this process; their data stays in .data/dev.
Settings from the environment apply, except DATABASE_URL and REDIS_URL.`,
  async run(args) {
    readOptions(args, {});
    const engines = await startPrivateEngines({ dir: join(dataDir, "dev") });
    try {
      printError(`DATABASE_URL=${engines.env.DATABASE_URL}`);
      printError(`REDIS_URL=${engines.env.REDIS_URL}`);
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--watch", ...await startArguments()],
        env: engines.env,
        stdin: "null",
      }).spawn();
      const forward = (signal: Deno.Signal) => () => {
        try {
          child.kill(signal);
        } catch {
          // It has ended by itself.
        }
      };
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        Deno.addSignalListener(signal, forward(signal));
      }
      const { code, signal } = await child.status;
      return signal === null ? code : 0;
    } finally {
      await engines.stop();
    }
  },
};

/** What the `start` task gives to `deno run`: its permissions stand in deno.json and nowhere else. */
async function startArguments(): Promise<string[]> {
  const source = await Deno.readTextFile(new URL("../deno.json", import.meta.url));
  const { tasks } = JSON.parse(source) as { tasks: { start: string } };
  return tasks.start.split(" ").slice("deno run".split(" ").length);
}

export default command;
