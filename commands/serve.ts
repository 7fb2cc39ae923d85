/**
 * `deno task serve`: the HTTP API only.
 *
 * @module
 */

import { serveHttp } from "../routes/server.ts";
import { keepLooking } from "../streams/recovery/database_guard.ts";
import { type Command, readOptions } from "./command.ts";
import { print } from "./print.ts";
import { serveUntilStopped } from "./service.ts";

const command: Command = {
  summary: "Serves the HTTP API, without consumers.",
  help: `
Usage: deno task serve

Listens on HOST and PORT (PORT=0: any free one) and prints the address. Settings come from the
environment; without DATABASE_URL and REDIS_URL private engines are used, on loopback alone. SIGTERM, SIGHUP or Ctrl-C stops it after the requests in
hand, a second one at once.`,
  async run(args, env) {
    readOptions(args, {});
    return await serveUntilStopped(env, (context, signal) => {
      void keepLooking(context, signal);
      return serveHttp(context, signal, {
        command: "serve",
        onListening: (url) => print(`Listening on ${url}`),
      });
    });
  },
};

export default command;
