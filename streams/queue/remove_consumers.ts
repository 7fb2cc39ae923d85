/**
 * Forgets consumers that have ended.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import type { QueueDeps } from "./queue.ts";

const removeConsumerScript = defineScript("remove_consumer", import.meta.url);

/**
 * Removes consumers of a group's lane that hold no message; one that does stays, or its messages would be lost.
 *
 * @param of only the one with this `name`, only those that have been idle for so long
 * @returns how many were removed
 */
export async function removeConsumers(
  { redis, keys }: QueueDeps,
  group: string,
  lane: Lane,
  of: { name?: string; minIdleMs: number },
): Promise<number> {
  const scriptKeys = [keys.stream(group, lane), keys.alive(group)];
  const args = [group, of.name ?? "", of.minIdleMs];
  return await runScript(redis, removeConsumerScript, scriptKeys, args) as number;
}
