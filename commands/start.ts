/**
 * `deno task start`: the single process.
 *
 * @module
 */

import { serveHttp } from "../routes/server.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseUnknownProviders } from "../streams/payments/gateways.ts";
import { runConsumers } from "../streams/run_consumers.ts";
import { type Command, readOptions } from "./command.ts";
import { withContext } from "./context.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { untilStopped } from "./signals.ts";

const command: Command = {
  summary: "Serves the HTTP API and runs all consumer groups, in one process.",
  help: `
Usage: deno task start

Settings come from the environment; DATABASE_URL and REDIS_URL are required. SIGTERM, SIGHUP or Ctrl-C stops it
after the work in hand, a second one at once.`,
  async run(args, env) {
    readOptions(args, {});
    return await withContext(env, async (context) => {
      await refuseDanger(context);
      await guardDatabase(context);
      // Before anything is listened on; the consumers look as well.
      await refuseUnknownProviders(context);
      await untilStopped(context, async (signal) => {
        const stop = new AbortController();
        const stopped = AbortSignal.any([signal, stop.signal]);
        const consumers = runConsumers(
          context,
          { groups: [], batchSize: context.config.batchSize, drain: false },
          stopped,
        );
        // Whichever part fails takes the other along: half a process looks alive and is not.
        const parts = [serveHttp(context, stopped), consumers];
        await Promise.all(parts.map((part) => part.finally(() => stop.abort())));
      });
      return 0;
    }, { migrates: true });
  },
};

export default command;
