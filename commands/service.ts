/**
 * What `start` and `serve` have in common.
 *
 * @module
 */

import { keepMending } from "../services/reconciliation/keep_mending.ts";
import { gatewaysOf, refuseUnknownProviders } from "../streams/payments/gateways.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { holdOlder, keepHolding } from "../streams/workflow/hold_older.ts";
import { type Context, type ContextOptions, withContext } from "./context.ts";
import { refuseDanger } from "./refuse_danger.ts";
import { announcedSecrets } from "./secrets.ts";
import { untilStopped } from "./signals.ts";

/**
 * Serves until it is asked to stop, on engines that lose nothing and with the providers that the database knows: it
 * takes their callbacks, and its pages say what kind of money they show. All of it is looked at before anything is
 * listened on.
 *
 * @param work is told of secrets that are read anew, by the event `reload`
 * @returns the exit code
 * @throws what opening the engines, these looks and `work` throw
 */
export async function serveUntilStopped(
  env: Record<string, string | undefined>,
  work: (context: Context, signal: AbortSignal, reloading: EventTarget) => Promise<void>,
  { name = "serve", connections }: Pick<ContextOptions, "name" | "connections"> = {},
): Promise<number> {
  return await withContext(env, async (context) => {
    await refuseDanger(context);
    await guardDatabase(context);
    await refuseUnknownProviders(context);
    const { reloading, reload, keepLooking } = announcedSecrets(context, env);
    await untilStopped(context, async (signal) => {
      void keepLooking(signal);
      await holdOlder(context, signal);
      void keepHolding(context, signal);
      void keepMending({ ...context, ...gatewaysOf(context.config) }, signal);
      await work(context, signal, reloading);
    }, reload);
    return 0;
  }, { migrates: true, serves: true, name, connections });
}

/**
 * Runs consumers beside a server. Those of a process that has become too old for the database end, and the server goes on
 * saying so until it is stopped.
 *
 * @param work starts them; they end with its signal
 */
export async function whileCurrent(
  { outdated }: Pick<Context, "outdated">,
  stopped: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  try {
    await work(AbortSignal.any([stopped, outdated]));
  } catch (error) {
    if (!outdated.aborted) throw error;
  }
  if (!outdated.aborted || stopped.aborted) return;
  await new Promise((resolve) => stopped.addEventListener("abort", resolve, { once: true }));
}
