/**
 * Forgets consumers that have ended.
 *
 * @module
 */

import { defineScript, runScript } from "../redis/scripts.ts";
import type { QueueDeps } from "./queue.ts";

const removeConsumerScript = defineScript("remove_consumer", import.meta.url);

/**
 * Removes consumers of a group that hold no message; one that does stays, or its messages would be lost.
 *
 * @param of only the one with this `name`, only those that have been idle for so long
 * @returns how many were removed
 */
export async function removeConsumers(
  { redis, keys }: QueueDeps,
  group: string,
  of: { name?: string; minIdleMs: number },
): Promise<number> {
  return await runScript(redis, removeConsumerScript, [keys.stream(group), keys.alive(group)], [
    group,
    of.name ?? "",
    of.minIdleMs,
  ]) as number;
}
