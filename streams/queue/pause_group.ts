/**
 * Pauses groups: their consumers go on living and take nothing until the group is resumed.
 *
 * @module
 */

import type { QueueDeps } from "./queue.ts";

/**
 * Stands in place of a pause where there is none. Consumers of versions that only look whether anything stands there
 * take nothing then.
 */
const held = "held";

/** Who has paused a group. */
export interface Pause {
  actor: string;
  /** Since when, ISO 8601. */
  at: string;
  /** Null where none was given. */
  reason: string | null;
}

/** Whether what stands in a group's place for pauses is one. */
export function isPause(value: string | null): boolean {
  return value !== null && value !== held;
}

/** Has consumers of versions before take nothing from these groups; pauses stay. */
export async function holdGroups(
  { redis, keys }: QueueDeps,
  groups: readonly string[],
): Promise<void> {
  await Promise.all(groups.map((group) => redis.set(keys.paused(group), held, "NX")));
}

/** Whether consumers of versions before take nothing from any of these groups. */
export async function areHeld(
  { redis, keys }: QueueDeps,
  groups: readonly string[],
): Promise<boolean> {
  const found = await Promise.all(groups.map((group) => redis.exists(keys.paused(group))));
  return found.every((count) => count === 1);
}

/**
 * Tells the consumers of a group to take nothing more. Each notices when its turn ends: after the batch
 * in hand, or when its blocked read comes back, which takes two seconds at the most.
 *
 * @param by who wants it, and why, where that was said
 */
export async function pauseGroup(
  { redis, keys }: QueueDeps,
  group: string,
  by: Pick<Pause, "actor" | "reason">,
): Promise<void> {
  const { actor, reason } = by;
  const pause: Pause = { actor, reason, at: new Date().toISOString() };
  await redis.set(keys.paused(group), JSON.stringify(pause));
}

/** What stands in a group's place for pauses; null where it is none. */
export function readPause(value: string | null): Pause | null {
  if (value === null || !isPause(value)) return null;
  const pause: Partial<Pause> = JSON.parse(value);
  // Versions before knew no reasons.
  return { actor: pause.actor ?? "unknown", at: pause.at ?? "", reason: pause.reason ?? null };
}

/** Lets the consumers of a group go on, within half a second; not those of versions before. */
export async function resumeGroup({ redis, keys }: QueueDeps, group: string): Promise<void> {
  await redis.set(keys.paused(group), held);
}
