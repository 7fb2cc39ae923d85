/**
 * `deno task consume`: consumers only.
 *
 * @module
 */

import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { runConsumers } from "../streams/run_consumers.ts";
import { holdOlder, keepHolding } from "../streams/workflow/hold_older.ts";
import { type Command, groupArgument, readOptions } from "./command.ts";
import { withContext } from "./context.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { untilStopped } from "./signals.ts";

const command: Command = {
  summary: "Runs consumers alone; --drain ends when nothing is left to do.",
  help: `
Usage: deno task consume [--group=NAME]... [--batch=N] [--drain]

  --group=NAME  a group to serve, may be given several times; all without it
  --batch=N     most messages to take at once, 1…5000 (default: BATCH_SIZE)
  --drain       end when nothing is left to do in these groups`,
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["drain"],
      string: ["batch"],
      collect: ["group"],
    });
    const wanted = options.list("group").map(groupArgument);
    const batch = options.integer("batch", 1, 5_000);
    return await withContext(env, async (context) => {
      await refuseDanger(context);
      await guardDatabase(context);
      let handled = 0;
      await untilStopped(context, async (signal) => {
        await holdOlder(context, signal);
        void keepHolding(context, signal);
        await runConsumers(context, {
          groups: wanted,
          batchSize: batch ?? context.config.batchSize,
          drain: options.flag("drain"),
          onTurn: (_, turn) => handled += turn.handled,
        }, AbortSignal.any([signal, context.outdated]));
      });
      context.log.info("messages handled", { handled });
      context.outdated.throwIfAborted();
      return 0;
    }, { migrates: true, name: "consume" });
  },
};

export default command;
