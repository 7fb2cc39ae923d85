/**
 * `deno task serve`: the HTTP API only.
 *
 * @module
 */

import { serveHttp } from "../routes/server.ts";
import { guardDatabase, keepLooking } from "../streams/recovery/database_guard.ts";
import { refuseUnknownProviders } from "../streams/payments/gateways.ts";
import { type Command, readOptions } from "./command.ts";
import { withContext } from "./context.ts";
import { print } from "./print.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { untilStopped } from "./signals.ts";

const command: Command = {
  summary: "Serves the HTTP API, without consumers.",
  help: `
Usage: deno task serve

Listens on HOST and PORT (PORT=0: any free one) and prints the address. Settings come from the
environment; DATABASE_URL and REDIS_URL are required. SIGTERM, SIGHUP or Ctrl-C stops it after the requests in
hand, a second one at once.`,
  async run(args, env) {
    readOptions(args, {});
    return await withContext(env, async (context) => {
      await refuseDanger(context);
      await guardDatabase(context);
      // It takes the provider's callbacks, and its pages say what kind of money they show.
      await refuseUnknownProviders(context);
      await untilStopped(context, (signal) => {
        void keepLooking(context, signal);
        return serveHttp(context, signal, {
          onListening: (url) => print(`Listening on ${url}`),
        });
      });
      return 0;
    }, { migrates: true });
  },
};

export default command;
