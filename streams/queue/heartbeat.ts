/**
 * Tells that messages are being worked on, and finds out which of them are another's by now.
 *
 * @module
 */

import type { Group } from "../../domain/messages/messages.ts";
import type { HandlerDeps } from "./handler.ts";
import { runScript } from "../redis/scripts.ts";

/**
 * Tells that this consumer still works on messages, so that nobody takes them over.
 *
 * @returns the ids that are not pending with this consumer any more
 */
export async function beat(
  { redis, keys, consumer }: Pick<HandlerDeps, "redis" | "keys" | "consumer">,
  group: Group,
  ids: readonly string[],
): Promise<string[]> {
  const args = [group, consumer, ...ids];
  return await runScript(redis, "heartbeat", [keys.stream(group)], args) as string[];
}
