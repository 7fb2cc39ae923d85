/**
 * `deno task consume`: consumers only.
 *
 * @module
 */

import { loadModule } from "../runtime/carried.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { holdOlder, keepHolding } from "../streams/workflow/hold_older.ts";
import { connectionsBesideBulk, consumeLanes } from "./bulk_thread.ts";
import { type Command, groupArgument, readOptions } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { announcedSecrets } from "./secrets.ts";
import { untilStopped } from "./signals.ts";

type Probes = {
  whileAnsweringProbes(
    context: Context,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void>;
};

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
    const drain = options.flag("drain");
    const batch = options.integer("batch", 1, 5_000);
    return await withContext(env, async (context) => {
      await refuseDanger(context);
      await guardDatabase(context);
      let handled = 0;
      const { reloading, reload, keepLooking } = announcedSecrets(context, env);
      await untilStopped(context, async (signal) => {
        void keepLooking(signal);
        await holdOlder(context, signal);
        void keepHolding(context, signal);
        const consuming = AbortSignal.any([signal, context.outdated]);
        const own = { groups: wanted, batchSize: batch ?? context.config.batchSize, drain };
        const work = async (signal: AbortSignal) => {
          handled = await consumeLanes(context, { env, options: own, reloading }, signal);
        };
        if (context.config.healthPort === 0) return await work(consuming);
        // Routes take memory that a consumer has no other use for.
        const { whileAnsweringProbes } = await loadModule<Probes>("commands/probes.ts");
        await whileAnsweringProbes(context, consuming, work);
      }, reload);
      context.log.info("messages handled", { handled });
      context.outdated.throwIfAborted();
      return 0;
    }, {
      migrates: true,
      name: "consume",
      connections: (config) => drain ? config.databaseConnections : connectionsBesideBulk(config),
    });
  },
};

export default command;
