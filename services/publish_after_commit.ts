/**
 * Publishing what the database has committed.
 *
 * @module
 */

import { messageOf } from "../domain/errors.ts";
import type { Lane } from "../domain/messages/lane.ts";
import { type Message, orderIdOf } from "../domain/messages/messages.ts";
import { LeftDatabaseError } from "../domain/operation/left_database.ts";
import type { Log } from "../domain/operation/log.ts";
import type { Database } from "../db/connection/database.ts";
import { publishWhenBack } from "../streams/recovery/owed_messages.ts";
import { publish, type PublishDeps } from "../streams/workflow/publish.ts";
import { tracing } from "../streams/telemetry/tracing.ts";
import { withDeadline } from "../streams/timing/deadline.ts";

/** What a use case works with. */
export interface ServiceDeps extends PublishDeps {
  db: Database;
  log: Log;
  /** Aborts when the process is about to stop. */
  stopping?: AbortSignal;
  /** Work that goes on after its answer; whoever closes the engines waits for it. */
  background?: Set<Promise<void>>;
}

/** Longest wait for Redis before the caller is answered without it, in milliseconds. */
const maxWaitMs = 1_000;

/**
 * Publishes messages about what has been committed. Redis being away is no error to the caller: the database
 * holds the work, this process publishes it when Redis is back, and the sweep what nobody knows of.
 *
 * @throws {LeftDatabaseError} where that database does not count any more
 * @param options.lane see `publish`
 * @param options.oncePerOrder skip orders that were published before
 * @param options.traceparents by order, the traces that the messages belong to; by default the running one
 */
export async function publishAfterCommit(
  deps: Omit<ServiceDeps, "db">,
  messages: readonly Message[],
  options: { lane?: Lane; oncePerOrder?: boolean; traceparents?: ReadonlyMap<number, string> } = {},
): Promise<void> {
  if (messages.length === 0) return;
  const { traceparents } = options;
  const enqueued = messages.map((message) =>
    tracing ? { message, traceparent: traceparents?.get(orderIdOf(message) ?? 0) } : { message }
  );
  try {
    const published = publish(deps, enqueued, { ...options, committed: true });
    await withDeadline(maxWaitMs, "Redis", published);
  } catch (error) {
    // It is not there for anybody else: nobody may be told that it was taken.
    if (error instanceof LeftDatabaseError) throw error;
    deps.log.warn("publishing failed, it will be repeated", {
      messages: messages.length,
      first_order_id: orderIdOf(messages[0]!),
      error: messageOf(error),
    });
    const { background, stopping: signal } = deps;
    const { lane, oncePerOrder } = options;
    const paid = publishWhenBack(deps, enqueued, { lane, oncePerOrder, signal });
    background?.add(paid);
    paid.finally(() => background?.delete(paid));
  }
}
