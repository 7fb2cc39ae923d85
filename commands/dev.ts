/**
 * `deno task dev`: the single process on private engines, with reload.
 *
 * @module
 */

import { join } from "node:path";
import { dataDir } from "../tools/engines/data_dir.ts";
import { startPrivateEngines } from "../tools/engines/private_engines.ts";
import { taskArguments } from "../tools/engines/task_arguments.ts";
import { type Command, readOptions } from "./command.ts";
import { printError } from "./print.ts";
import { endSignals } from "./signals.ts";

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
      const [run, ...args] = await taskArguments("start");
      const child = new Deno.Command(Deno.execPath(), {
        args: [run!, "--watch", ...args],
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
      for (const signal of endSignals) {
        Deno.addSignalListener(signal, forward(signal));
      }
      const { code, signal } = await child.status;
      return signal === null ? code : 0;
    } finally {
      await engines.stop();
    }
  },
};

export default command;
