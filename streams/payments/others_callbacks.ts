/**
 * Counts what providers tell of charges that another installation on the same account asked for.
 *
 * @module
 */

import type { RedisDeps } from "../redis/keys.ts";

/** Counts one that was passed over. */
export async function countOthersCallback(
  { redis, keys }: RedisDeps,
  provider: string,
): Promise<void> {
  await redis.hincrby(keys.othersCallbacks, provider, 1);
}

/** How many were passed over so far, by the provider's name. */
export async function readOthersCallbacks(
  { redis, keys }: RedisDeps,
): Promise<Map<string, number>> {
  const counts = await redis.hgetall(keys.othersCallbacks);
  return new Map(Object.entries(counts).map(([name, count]) => [name, Number(count)]));
}
