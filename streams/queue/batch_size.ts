/**
 * How many messages a consumer takes at once, and how many of them are handled together, by its lane.
 *
 * Bulk batches are large whatever happens: what a batch costs besides its messages is shared by many. But what a handler
 * locks it holds until its commit, and a live message that needs the same would wait for it again and again. So while
 * live ones come, those handlers are given a bulk batch in parts that take about {@linkcode partMs} each.
 *
 * Consumers of both lanes take turns, and a bulk batch is never smaller than a live one may be. So a flood of live
 * messages leaves the bulk lane at least as many of each turn as it takes itself.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";

/** Most live messages at once: under a flood that is a backlog, for which nobody waits message by message. */
export const maxLiveBatch = 500;

/** How long a part of a bulk batch is to take while live messages come, in milliseconds. */
const partMs = 25;

/** The smallest part: smaller ones cost more than they spare others, on a machine that is busy with something else too. */
export const minPart = 500;

/** How long a live message counts as one after which others come, in milliseconds. */
const liveWithinMs = 2_000;

/** How many messages a consumer takes and handles at once. */
export interface BatchSize {
  /** Most messages to a batch. */
  batch: number;
  /** Most messages that are handled together where others may wait for what is locked. */
  part(): number;
  /** Notes how long ago the group got a live message; -1 for never. */
  sawLive(ageMs: number): void;
  /** Notes how long a part took. */
  note(messages: number, ms: number): void;
}

/**
 * Makes the size of a consumer's batches.
 *
 * @param max messages at once whatever happens
 * @param now a monotonic clock in ms
 */
export function batchSizeOf(
  lane: Lane,
  max: number,
  now: () => number = () => performance.now(),
): BatchSize {
  if (lane === "live") {
    const batch = Math.min(max, maxLiveBatch);
    return { batch, part: () => batch, sawLive: () => {}, note: () => {} };
  }
  const min = Math.min(max, minPart);
  let liveUntil = -Infinity;
  let besideLive = min;
  return {
    batch: max,
    part: () => now() < liveUntil ? besideLive : max,
    sawLive: (ageMs) => {
      if (ageMs >= 0 && ageMs < liveWithinMs) liveUntil = now() + liveWithinMs - ageMs;
    },
    note: (messages, ms) => {
      // What little there was tells nothing of what more would take.
      if (messages < besideLive / 2 || now() >= liveUntil) return;
      const fitting = messages * partMs / Math.max(ms, 1);
      // By half at the most: one part that waited for something says little of the next.
      const bounded = Math.min(Math.max(fitting, besideLive / 2), besideLive * 2);
      besideLive = Math.round(Math.min(Math.max(bounded, min), max));
    },
  };
}
