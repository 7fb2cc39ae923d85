/**
 * What runs in the thread of the bulk lane: see `bulk_thread.ts`.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../domain/errors.ts";
import { isOutage } from "../streams/queue/complete.ts";
import type { Turn } from "../streams/queue/work.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { runConsumers } from "../streams/run_consumers.ts";
import { pause } from "../streams/timing/pause.ts";
import { holdOlder, keepHolding } from "../streams/workflow/hold_older.ts";
import { store } from "../streams/workflow/store.ts";
import type { BulkWork, FromBulkThread, ToBulkThread } from "./bulk_thread.ts";
import { closeContext, openContext, openLog } from "./context.ts";
import { liveSecrets } from "./secrets.ts";

/** The part of a thread's global scope that is used. */
interface Thread {
  onmessage: ((event: MessageEvent<ToBulkThread>) => void) | null;
  postMessage(message: FromBulkThread): void;
}

const thread = globalThis as unknown as Thread;
const stop = new AbortController();
let reload: (() => void) | undefined;

thread.onmessage = ({ data }) => {
  switch (data.kind) {
    case "stop":
      return stop.abort();
    case "reload":
      return reload?.();
    case "begin":
      consumeBulk(data.work).then(
        (handled) => thread.postMessage({ kind: "ended", handled }),
        (error) => {
          const code = error instanceof WorkflowError ? error.code : undefined;
          thread.postMessage({ kind: "failed", message: messageOf(error), code });
        },
      );
  }
};

/** How long an engine is waited for that was there when the process started, in milliseconds. */
const awayMs = 1_000;

/**
 * Runs the consumers until the thread is told to stop, or this version is too old. An engine may be lost just while they begin: that is
 * nobody's error, and files wait for it as for one that is lost later.
 *
 * @returns how many messages were handled
 */
async function consumeBulk(work: BulkWork): Promise<number> {
  const log = openLog(work.config);
  let handled = 0;
  for (;;) {
    try {
      await consumeOnEngines(work, (turn) => handled += turn.handled);
      return handled;
    } catch (error) {
      if (!isOutage(store, error) || stop.signal.aborted) throw error;
      log.warn("files wait for an engine", { error: messageOf(error) });
      await pause(awayMs, stop.signal);
    }
  }
}

/** Opens what the thread works with, runs its consumers and closes it. */
async function consumeOnEngines(
  { config, env, options }: BulkWork,
  count: (turn: Turn) => void,
): Promise<void> {
  // Whoever started the thread has migrated.
  const context = await openContext(config, { name: "bulk" });
  const ended = new AbortController();
  const signal = AbortSignal.any([stop.signal, ended.signal]);
  try {
    await guardDatabase(context);
    const secrets = liveSecrets(context, env);
    ({ reload } = secrets);
    void secrets.keepLooking(signal);
    await holdOlder(context, signal);
    void keepHolding(context, signal);
    await runConsumers(context, {
      ...options,
      lanes: ["bulk"],
      consumersOnly: true,
      drain: false,
      onTurn: (_, turn) => count(turn),
    }, AbortSignal.any([signal, context.outdated]));
  } finally {
    ended.abort();
    await closeContext(context);
  }
}
