/**
 * What runs in the thread of the bulk lane: see `bulk_thread.ts`.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../domain/errors.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { runConsumers } from "../streams/run_consumers.ts";
import { holdOlder, keepHolding } from "../streams/workflow/hold_older.ts";
import type { BulkWork, FromBulkThread, ToBulkThread } from "./bulk_thread.ts";
import { closeContext, openContext } from "./context.ts";
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

/** Opens what the thread works with, runs its consumers until it is told to stop, or this version is too old, and closes it. */
async function consumeBulk({ config, env, options }: BulkWork): Promise<number> {
  // Whoever started the thread has migrated.
  const context = await openContext(config, { name: "bulk" });
  try {
    await guardDatabase(context);
    const secrets = liveSecrets(context, env);
    ({ reload } = secrets);
    const { signal } = stop;
    void secrets.keepLooking(signal);
    await holdOlder(context, signal);
    void keepHolding(context, signal);
    let handled = 0;
    await runConsumers(context, {
      ...options,
      lanes: ["bulk"],
      consumersOnly: true,
      drain: false,
      onTurn: (_, turn) => handled += turn.handled,
    }, AbortSignal.any([signal, context.outdated]));
    return handled;
  } finally {
    await closeContext(context);
  }
}
