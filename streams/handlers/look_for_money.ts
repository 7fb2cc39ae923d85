/**
 * What becomes of messages that another consumer has taken over while they were being handled here.
 *
 * @module
 */

import type { Result } from "../queue/complete.ts";
import type { Outcome } from "../queue/handler.ts";
import { type Enqueued, publish, type QueueDeps } from "../queue/publish.ts";

/** Which messages of a batch are another consumer's by now. */
export interface Kept {
  /** Known to be lost. */
  lost: ReadonlySet<string>;
  /** Looks whether any of some messages is still this consumer's, and notes those that are lost. */
  keep(ids: readonly string[]): Promise<boolean>;
}

/**
 * Sorts out results that count for nothing, because their messages were taken over. A provider may have been asked for
 * money on their behalf all the same, by a process that stood still right before its request; whoever has them by now
 * was perhaps done with them before that. So what looks for that money is enqueued nevertheless.
 *
 * A crash before it is enqueued leaves what a crash right after the request leaves.
 *
 * @returns the results that count
 */
export async function lookForMoney(
  deps: QueueDeps,
  results: readonly Result[],
  kept: Kept,
): Promise<Result[]> {
  const doubtful = results.filter(({ entry, outcome }) =>
    outcome.kind !== "done" && outcome.ifLost !== undefined && outcome.ifLost.length > 0 &&
    !kept.lost.has(entry.id)
  );
  if (doubtful.length > 0) await kept.keep(doubtful.map(({ entry }) => entry.id));
  if (kept.lost.size === 0) return [...results];
  const isLost = ({ entry }: Result) => kept.lost.has(entry.id);
  await publish(deps, results.filter(isLost).flatMap(({ outcome }) => looksIfLost(outcome)));
  return results.filter((result) => !isLost(result));
}

/** A message that is lost is not acknowledged, so its follow-ups are left to this. */
function looksIfLost(outcome: Outcome): Enqueued[] {
  if (outcome.kind !== "done") return outcome.ifLost ?? [];
  return outcome.followUps.filter(({ evenIfLost }) => evenIfLost);
}
