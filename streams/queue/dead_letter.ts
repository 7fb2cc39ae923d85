/**
 * Takes messages out of the queue that no retry helps.
 *
 * @module
 */

import { noteOutcome, traceIdOf, tracing } from "../telemetry/tracing.ts";
import { finish, type Finished } from "./enqueue.ts";
import { beat } from "./heartbeat.ts";
import type { Failed, QueueTypes, Verdict, Work } from "./work.ts";

/**
 * Has messages kept as dead letters, and ends them. A crash between the two keeps a letter of a message that is
 * delivered again.
 *
 * @returns how many were still pending, and which of them have to wait
 */
export async function deadLetter<T extends QueueTypes>(
  deps: T["deps"],
  { group, work }: { group: T["group"]; work: Work<T> },
  all: readonly Failed<T["message"]>[],
): Promise<{ ended: number; waiting: Failed<T["message"]>[] }> {
  if (all.length === 0) return { ended: 0, waiting: [] };
  // One that is another's by now, or that Redis forgot because it is about nothing any more, is not this one's.
  const lost = await beat(deps, group, all.map(({ entry }) => entry.id));
  const own = all.filter(({ entry }) => !lost.includes(entry.id));
  const verdicts = await work.judgeDead?.(deps, group, own) ?? [];
  const judged = (verdict: Verdict) => own.filter((_, at) => (verdicts[at] ?? "keep") === verdict);
  const end = (ended: readonly Failed<T["message"]>[], counter: "processed" | "dead") =>
    finish(deps, work.codec, {
      group,
      finished: ended.map(finishedWithout),
      counter,
      marks: work.marks?.(deps),
    });
  await end(judged("drop"), "processed");
  const waiting = judged("wait");
  const dead = judged("keep");
  if (dead.length === 0) return { ended: 0, waiting };
  await work.keepDead(deps, group, dead);
  const ended = await end(dead, "dead");
  for (const { entry, message, error } of dead) {
    deps.log.error("message buried", {
      group,
      id: entry.id,
      ...message && work.codec.logFacts(message),
      consumer: deps.consumer,
      attempt: entry.deliveries,
      error,
      trace_id: tracing ? traceIdOf(entry.id) : undefined,
    });
  }
  if (tracing) noteOutcome(dead.map(({ entry }) => entry.id), "dead", (at) => dead[at]!.error);
  return { ended, waiting };
}

/** Nothing follows from a message that was not handled. */
function finishedWithout<M>({ entry, message }: Failed<M>): Finished<M> {
  return { id: entry.id, message, followUps: [] };
}
