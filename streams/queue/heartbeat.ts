/**
 * Tells that messages are being worked on, and finds out which of them are another's by now.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import type { EngineDeps } from "./work.ts";

const heartbeatScript = defineScript("heartbeat", import.meta.url);

/**
 * Tells that this consumer still works on messages, so that nobody claims them.
 *
 * @returns the ids that are not pending with this consumer any more
 */
export async function beat(
  { redis, keys, consumer, lane }: Pick<EngineDeps, "redis" | "keys" | "consumer" | "lane">,
  group: string,
  ids: readonly string[],
): Promise<string[]> {
  const scriptKeys = [keys.stream(group, lane)];
  return await runScript(redis, heartbeatScript, scriptKeys, [group, consumer, ...ids]) as string[];
}

/** Heartbeats that go on until they are stopped. */
export interface Heartbeat {
  /** Messages that are known to be another consumer's. */
  lost: ReadonlySet<string>;
  /** Looks whether any of some messages is still this consumer's, and notes those that are lost. */
  keep: (ids: readonly string[]) => Promise<boolean>;
  stop: () => void;
}

/** Tells a few times in a reclaim time that the messages are being worked on, and whenever it is asked. */
export function startHeartbeat(
  deps: EngineDeps,
  { group, takeoverMs }: { group: string; takeoverMs: number },
  ids: readonly string[],
): Heartbeat {
  const lost = new Set<string>();
  const keep = async (ids: readonly string[]): Promise<boolean> => {
    const gone = await beat(deps, group, ids);
    for (const id of gone) lost.add(id);
    return gone.length < ids.length;
  };
  const timer = setInterval(async () => {
    try {
      await keep(ids);
    } catch (error) {
      deps.log.warn("heartbeat failed", { group, error: messageOf(error) });
    }
  }, takeoverMs / 3);
  return { lost, keep, stop: () => clearInterval(timer) };
}
