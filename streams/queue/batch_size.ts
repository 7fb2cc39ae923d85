/**
 * How many messages a consumer takes at once, by its lane.
 *
 * A bulk batch of the usual size takes 100 to 200 ms, holds the rows of its products for most of it, and keeps this
 * thread and the database busy. Live messages that come meanwhile would wait for it again and again. So while live ones
 * come, bulk batches are as large as can be done in {@linkcode besideLiveMs}; and never smaller than
 * {@linkcode minBesideLive}, so that a flood of live ones leaves the bulk lane its share.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";

/** Most live messages at once: more of them are no backlog that anybody waits for one by one. */
export const maxLiveBatch = 500;

/** How long a bulk batch is to take while live messages come, in milliseconds. */
const besideLiveMs = 25;

/**
 * The smallest bulk batch while live messages come. Consumers of both lanes take turns, so for every
 * {@linkcode maxLiveBatch} live messages of a flood this many bulk ones are handled at least.
 */
export const minBesideLive = 100;

/** How long a live message counts as one after which others come, in milliseconds. */
const liveWithinMs = 2_000;

/** How many messages a consumer takes at once. */
export interface BatchSize {
  /** For the next batch. */
  next(): number;
  /** Notes how long ago the group got a live message; -1 for never. */
  sawLive(ageMs: number): void;
  /** Notes how long a batch took. */
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
    const size = Math.min(max, maxLiveBatch);
    return { next: () => size, sawLive: () => {}, note: () => {} };
  }
  const min = Math.min(max, minBesideLive);
  let liveUntil = -Infinity;
  let besideLive = min;
  const next = () => now() < liveUntil ? besideLive : max;
  return {
    next,
    sawLive: (ageMs) => {
      if (ageMs >= 0 && ageMs < liveWithinMs) liveUntil = now() + liveWithinMs - ageMs;
    },
    note: (messages, ms) => {
      // What little there was tells nothing of what a larger one would take.
      if (messages < besideLive / 2 || now() >= liveUntil) return;
      const fitting = messages * besideLiveMs / Math.max(ms, 1);
      // By half at the most: one batch that waited for something says little of the next.
      const bounded = Math.min(Math.max(fitting, besideLive / 2), besideLive * 2);
      besideLive = Math.round(Math.min(Math.max(bounded, min), max));
    },
  };
}
