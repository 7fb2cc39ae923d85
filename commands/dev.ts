/**
 * `deno task dev`: the single process on private engines, with reload.
 *
 * @module
 */

import { taskArguments } from "../tools/engines/task_arguments.ts";
import { useEngines } from "../tools/engines/use_engines.ts";
import { type Command, readOptions } from "./command.ts";
import { freeServicePort } from "./free_service_port.ts";
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
    const port = env.PORT || String(freeServicePort());
    const settings = { ...held.engines.env, PORT: port };
    for (const [name, value] of Object.entries(settings)) printError(`${name}=${value}`);
    const [run, ...startArgs] = await taskArguments("start");
    const child = new Deno.Command(Deno.execPath(), {
      args: [run!, "--watch", ...startArgs],
      env: settings,
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
    void held.ended.then(forward("SIGTERM"));
    const { code, signal } = await child.status;
    return signal === null ? code : 0;
  },
};

export default command;
