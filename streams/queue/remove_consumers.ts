/**
 * Forgets consumers that have ended.
 *
 * @module
 */

import type { Group } from "../../domain/messages/messages.ts";
import type { QueueDeps } from "./publish.ts";
import { runScript } from "../redis/scripts.ts";

/**
 * Removes consumers of a group that hold no message; one that does stays, or its messages would be lost.
 *
 * @param of only the one with this `name`, only those that have been idle for so long
 * @returns how many were removed
 */
export async function removeConsumers(
  { redis, keys }: QueueDeps,
  group: Group,
  of: { name?: string; leastIdleMs: number },
): Promise<number> {
  return await runScript(redis, "remove_consumer", [keys.stream(group), keys.alive(group)], [
    group,
    of.name ?? "",
    of.leastIdleMs,
  ]) as number;
}
