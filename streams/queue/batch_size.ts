/**
 * How many messages a consumer takes at once, by its lane.
 *
 * Bulk batches are large whatever happens: what a batch costs besides its messages is shared by many. Consumers of both
 * lanes take turns, and a bulk batch is never smaller than a live one may be. So a flood of live messages leaves the bulk
 * lane at least as many of each turn as it takes itself.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";

/** Most live messages at once: under a flood that is a backlog, for which nobody waits message by message. */
export const maxLiveBatch = 500;

/** @param max messages at once whatever happens */
export function batchSizeOf(lane: Lane, max: number): number {
  return lane === "live" ? Math.min(max, maxLiveBatch) : max;
}
