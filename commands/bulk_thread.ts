/**
 * The bulk lane of `start` and `consume` in a thread of its own, and what runs the consumers of both.
 *
 * In one thread with everything else, whatever is done with a batch of thousands between two answers of an engine keeps each request
 * waiting, and each order that somebody waits for at each of its steps. So bulk work had to be held small beside them, which cost
 * a file half of its rate. A thread has its own connections to the engines, and is to them what another process is. What a crash leaves
 * behind is what a process leaves that is killed: others claim what it had in hand.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import { type ErrorCode, WorkflowError } from "../domain/errors.ts";
import { isSingleExecutable } from "../runtime/carried.ts";
import { heapLimitBytes, processors } from "../runtime/memory.ts";
import { type ConsumersOptions, runConsumers } from "../streams/run_consumers.ts";
import type { Context } from "./context.ts";

/** What the thread works with. */
export interface BulkWork {
  config: Config;
  /** The environment that the settings came from, whose secrets may be replaced while it runs. */
  env: Record<string, string | undefined>;
  /** Of its consumers. */
  options: Pick<ConsumersOptions, "groups" | "batchSize">;
}

/** What the thread is told. */
export type ToBulkThread = { kind: "begin"; work: BulkWork } | { kind: "reload" | "stop" };

/** What it tells: that it has ended in order, with how many messages it handled, or why it could not go on. */
export type FromBulkThread =
  | { kind: "ended"; handled: number }
  | { kind: "failed"; message: string; code: ErrorCode | undefined };

/** A heap that may have so many bytes is that of a process with 1 GB: see `commands/flags.sh`. */
const leastHeapBytes = 1_024 * 1_048_576;

/** Connections of the thread, where the process has as many to share: more transactions than four wait for each other's rows. */
const ownConnections = 5;

/** Below this the process has none to spare. */
const leastConnections = 4;

/** Whether the bulk lane gets a thread of its own, in a process that goes on. */
export function hasBulkThread(
  { bulkThread, databaseConnections }: Pick<Config, "bulkThread" | "databaseConnections">,
): boolean {
  // An executable has no module to start a thread with.
  if (bulkThread === "never" || isSingleExecutable) return false;
  if (bulkThread === "always") return true;
  return databaseConnections >= leastConnections && processors() > 1 &&
    heapLimitBytes() >= leastHeapBytes;
}

/** How many connections to the database the thread gets of those that the process may open. */
export function bulkConnections(
  { databaseConnections }: Pick<Config, "databaseConnections">,
): number {
  return Math.max(1, Math.min(ownConnections, Math.floor(databaseConnections / 2)));
}

/** How many are left to everything else in the process. */
export function connectionsBesideBulk(
  config: Pick<Config, "bulkThread" | "databaseConnections">,
): number {
  const { databaseConnections } = config;
  return hasBulkThread(config)
    ? Math.max(1, databaseConnections - bulkConnections(config))
    : databaseConnections;
}

/** What runs consumers of both lanes. */
export interface BothLanes {
  env: Record<string, string | undefined>;
  options: ConsumersOptions;
  /** Says by the event `reload` that secrets are to be read anew. */
  reloading: EventTarget;
}

/**
 * Runs consumers, those of the bulk lane in a thread of their own where there is one; see `runConsumers()`. A run that ends when
 * nothing is left to do has nobody who waits beside it, and one thread.
 *
 * @returns how many messages were handled
 * @throws whatever ends either of them
 */
export async function consumeLanes(
  context: Context,
  { env, options, reloading }: BothLanes,
  signal: AbortSignal,
): Promise<number> {
  let handled = 0;
  const isApart = !options.drain && hasBulkThread(context.config);
  const own: ConsumersOptions = {
    ...options,
    ...(isApart ? { lanes: ["live"] } : {}),
    onTurn: (_, turn) => handled += turn.handled,
  };
  const [, inThread] = await Promise.all([
    runConsumers(context, own, signal),
    isApart ? runBulkThread({ config: context.config, env, options }, signal, { reloading }) : 0,
  ]);
  return handled + inThread;
}

/**
 * Runs the bulk lane until the signal aborts; what is in hand is finished first, or released, as by `runConsumers()`.
 *
 * @param options.module what runs in the thread; tests put another one in
 * @returns how many messages it handled
 * @throws whatever ends the thread before
 */
export async function runBulkThread(
  { config, env, options: { groups, batchSize } }: BulkWork,
  signal: AbortSignal,
  { reloading, module = new URL("./bulk_worker.ts", import.meta.url) }: {
    reloading?: EventTarget;
    module?: URL;
  } = {},
): Promise<number> {
  if (signal.aborted) return 0;
  const thread = new Worker(module.href, { type: "module" });
  const tell = (message: ToBulkThread) => thread.postMessage(message);
  const stop = () => tell({ kind: "stop" });
  const reload = () => tell({ kind: "reload" });
  const ended = Promise.withResolvers<number>();
  thread.onmessage = ({ data }: MessageEvent<FromBulkThread>) => {
    if (data.kind === "ended") return ended.resolve(data.handled);
    const { message, code } = data;
    ended.reject(code === undefined ? new Error(message) : new WorkflowError(code, message));
  };
  thread.onerror = (event) => {
    event.preventDefault();
    ended.reject(new Error(`The thread of the bulk lane ended: ${event.message}`));
  };
  signal.addEventListener("abort", stop, { once: true });
  reloading?.addEventListener("reload", reload);
  try {
    const own = { ...config, databaseConnections: bulkConnections(config) };
    tell({ kind: "begin", work: { config: own, env, options: { groups, batchSize } } });
    return await ended.promise;
  } finally {
    signal.removeEventListener("abort", stop);
    reloading?.removeEventListener("reload", reload);
    thread.terminate();
  }
}
