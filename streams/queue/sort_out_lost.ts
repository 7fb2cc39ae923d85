/**
 * What becomes of messages that another consumer has claimed while they were being handled here.
 *
 * @module
 */

import type { Result } from "./complete.ts";
import { enqueue } from "./enqueue.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Enqueued } from "./queue.ts";
import type { Outcome, QueueTypes, Work } from "./work.ts";

/**
 * Sorts out results that count for nothing, because their messages were claimed by another. Something may have been
 * asked for on their behalf all the same, by a process that stood still right before its request; whoever has them by
 * now was perhaps done with them before that. So what looks at that is enqueued nevertheless.
 *
 * A crash before it is enqueued leaves what a crash right after the request leaves.
 *
 * @returns the results that count
 */
export async function sortOutLost<T extends QueueTypes>(
  deps: T["deps"],
  work: Pick<Work<T>, "codec" | "marks">,
  results: readonly Result<T>[],
  kept: Pick<Heartbeat, "lost" | "keep">,
): Promise<Result<T>[]> {
  const doubtful = results.filter(({ entry, outcome }) =>
    outcome.kind !== "done" && outcome.ifLost !== undefined && outcome.ifLost.length > 0 &&
    !kept.lost.has(entry.id)
  );
  if (doubtful.length > 0) await kept.keep(doubtful.map(({ entry }) => entry.id));
  if (kept.lost.size === 0) return [...results];
  const isLost = ({ entry }: Result<T>) => kept.lost.has(entry.id);
  await enqueue(
    deps,
    work.codec,
    results.filter(isLost).flatMap(({ outcome }) => looksIfLost(outcome)),
    { lane: deps.lane, marks: work.marks?.(deps) },
  );
  return results.filter((result) => !isLost(result));
}

/** A message that is lost is not acknowledged, so its follow-ups are left to this. */
function looksIfLost<M, E>(outcome: Outcome<M, E>): Enqueued<M>[] {
  if (outcome.kind !== "done") return outcome.ifLost ?? [];
  return outcome.followUps.filter(({ evenIfLost }) => evenIfLost);
}
