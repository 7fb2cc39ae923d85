/**
 * `deno task dev`: the single process on private engines, with reload.
 *
 * @module
 */

import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { dataDir } from "../tools/engines/data_dir.ts";
import { startPrivateEngines } from "../tools/engines/private_engines.ts";
import { watchTask } from "../tools/engines/task_arguments.ts";
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
      const child = await watchTask("start", engines.env);
      for (const signal of endSignals) process.on(signal, () => child.kill(signal));
      const [code, signal] = await once(child, "exit");
      return signal === null ? code : 0;
    } finally {
      await engines.stop();
    }
  },
};

export default command;
