/**
 * How many messages a consumer takes at once, by its lane.
 *
 * Bulk batches are large: what a batch costs besides its messages is shared by many. Where live messages come as well, one is no
 * larger than a live one may be: whatever a thread does with its messages between two answers of an engine keeps a request
 * waiting, unless the bulk lane has a thread for itself. Consumers of both lanes take turns, and a bulk batch is never smaller than a live one, so a flood of live messages
 * leaves the bulk lane at least as many of each turn as it takes itself.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";
import type { LiveWatch } from "./live_watch.ts";

/** Most live messages at once: under a flood that is a backlog, for which nobody waits message by message. */
export const maxLiveBatch = 500;

/** Most bulk messages at once while live ones come. */
export const maxBulkBesideLive = 500;

/**
 * @param max messages at once whatever happens
 * @param options.live where it is known whether live messages come
 * @param options.isApart nothing but the bulk lane runs in this thread
 */
export function batchSizeOf(
  lane: Lane,
  max: number,
  { live, isApart = false }: { live?: LiveWatch; isApart?: boolean } = {},
): number {
  if (lane === "live") return Math.min(max, maxLiveBatch);
  return !isApart && live?.comes() === true ? Math.min(max, maxBulkBesideLive) : max;
}
