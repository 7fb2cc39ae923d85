/**
 * Releases messages that a consumer has, so that others need not wait for its silence.
 *
 * @module
 */

import { defineScript, runScript } from "../redis/scripts.ts";
import { reclaimScan } from "./claim.ts";
import type { Consumer } from "./consumer_state.ts";
import type { QueueTypes } from "./work.ts";

const releaseInHandScript = defineScript("release_in_hand", import.meta.url);
const releaseOwnScript = defineScript("release_own", import.meta.url);

/**
 * Releases what a consumer has in hand, so that others may claim it at once and without counting this
 * delivery. For a stop that can't wait: handlers that still run may commit, and whoever claims the
 * messages then repeats their effects.
 *
 * @returns how many messages were released
 */
export async function releaseInHand<T extends QueueTypes>(
  { deps, options, inHand }: Consumer<T>,
): Promise<number> {
  if (inHand.length === 0) return 0;
  const { redis, keys, consumer, lane } = deps;
  return await runScript(redis, releaseInHandScript, [keys.stream(options.group, lane)], [
    options.group,
    consumer,
    options.takeoverMs,
    ...inHand,
  ]) as number;
}

/**
 * Releases what a turn left pending that was broken off because Redis was away: no consumer has died, so
 * nobody needs to wait for its silence, and the delivery does not count. What is delayed stays so.
 */
export async function releaseOwn<T extends QueueTypes>(
  { deps, options }: Consumer<T>,
): Promise<void> {
  const { redis, keys, consumer, lane } = deps;
  const { group, takeoverMs } = options;
  const scriptKeys = [keys.stream(group, lane), keys.retries(group, lane)];
  const args = [group, consumer, takeoverMs, reclaimScan];
  await runScript(redis, releaseOwnScript, scriptKeys, args);
}
