/**
 * `deno task start`: the single process.
 *
 * @module
 */

import { serveHttp } from "../routes/server.ts";
import { connectionsBesideBulk, consumeLanes } from "./bulk_thread.ts";
import { type Command, readOptions } from "./command.ts";
import { serveUntilStopped, whileCurrent } from "./service.ts";

const command: Command = {
  summary: "Serves the HTTP API and runs all consumer groups, in one process.",
  help: `
Usage: deno task start

Settings come from the environment; without DATABASE_URL and REDIS_URL private engines are used, on loopback
alone. SIGTERM, SIGHUP or Ctrl-C stops it
after the work in hand, a second one at once.`,
  async run(args, env) {
    readOptions(args, {});
    return await serveUntilStopped(env, async (context, signal, reloading) => {
      const stop = new AbortController();
      const stopped = AbortSignal.any([signal, stop.signal]);
      const { batchSize } = context.config;
      const options = { groups: [], batchSize, drain: false };
      const consumers = whileCurrent(context, stopped, async (signal) => {
        await consumeLanes(context, { env, options, reloading }, signal);
      });
      // Whichever part fails takes the other along: half a process looks alive and is not.
      const parts = [serveHttp(context, stopped), consumers];
      await Promise.all(parts.map((part) => part.finally(() => stop.abort())));
    }, { name: "start", connections: connectionsBesideBulk });
  },
};

export default command;
