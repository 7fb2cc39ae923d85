/**
 * `deno task dev`: the single process on private engines, with reload.
 *
 * @module
 */

import process from "node:process";
import { useEngines } from "../tools/engines/use_engines.ts";
import { watchTask } from "../tools/engines/watch_task.ts";
import { type Command, readOptions } from "./command.ts";
import { anyPort } from "./engine_settings.ts";
import { printError } from "./print.ts";
import { endSignals } from "./signals.ts";

const command: Command = {
  summary: "Runs `start` on private engines, and again whenever a file changes.",
  help: `
Usage: deno task dev

The engines listen on free loopback ports; other commands use them as well (see deno task engines), and they end
when nobody has used them for ten minutes. Their data stays in .data/dev, or in ENGINES_DIR. Settings from the
environment apply, except DATABASE_URL and REDIS_URL. Where port 8000 is taken and PORT is not set, another one is
used.`,
  async run(args, env) {
    readOptions(args, {});
    const held = await useEngines({ dir: env.ENGINES_DIR, keptOnly: true, log: printError });
    const settings = { ...held.engines.env, PORT: env.PORT || anyPort };
    for (const [name, value] of Object.entries(held.engines.env)) printError(`${name}=${value}`);
    const task = await watchTask("start", settings, printError);
    for (const signal of endSignals) process.on(signal, () => task.end(signal));
    void held.ended.then(() => task.end("SIGTERM"));
    return await task.ended;
  },
};

export default command;
