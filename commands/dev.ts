/**
 * `deno task dev`: the single process on private engines, with reload.
 *
 * @module
 */

import { once } from "node:events";
import process from "node:process";
import { freeServicePort } from "../tools/engines/free_service_port.ts";
import { watchTask } from "../tools/engines/task_arguments.ts";
import { useEngines } from "../tools/engines/use_engines.ts";
import { type Command, readOptions } from "./command.ts";
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
    const port = env.PORT || String(await freeServicePort(printError));
    const settings = { ...held.engines.env, PORT: port };
    for (const [name, value] of Object.entries(settings)) printError(`${name}=${value}`);
    const child = await watchTask("start", settings);
    for (const signal of endSignals) process.on(signal, () => child.kill(signal));
    void held.ended.then(() => child.kill("SIGTERM"));
    const [code, signal] = await once(child, "exit");
    return signal === null ? code : 0;
  },
};

export default command;
