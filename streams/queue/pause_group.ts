/**
 * Pauses groups: their consumers go on living and take nothing until the group is resumed.
 *
 * @module
 */

import type { QueueDeps } from "./queue.ts";

/**
 * Tells the consumers of a group to take nothing more. Each notices when its turn ends: after the batch
 * in hand, or when its blocked read comes back, which takes two seconds at the most.
 *
 * @param actor who wants it
 */
export async function pauseGroup(
  { redis, keys }: QueueDeps,
  group: string,
  actor: string,
): Promise<void> {
  await redis.set(keys.paused(group), JSON.stringify({ actor, at: new Date().toISOString() }));
}

/** Lets the consumers of a group go on, within half a second. */
export async function resumeGroup({ redis, keys }: QueueDeps, group: string): Promise<void> {
  await redis.del(keys.paused(group));
}
