/**
 * Finds keys by how they begin.
 *
 * @module
 */

import { Cluster } from "ioredis";
import type { RedisClient } from "./redis.ts";

/** Keys that Redis looks at in one step. */
const keysPerStep = 1_000;

/**
 * Every key that begins with `start`, without blocking Redis. Keys that come or go meanwhile may be
 * missing; keys that exist all the time are not.
 */
export async function scanKeys(redis: RedisClient, start: string): Promise<Set<string>> {
  const found = new Set<string>();
  const nodes = redis instanceof Cluster ? redis.nodes("master") : [redis];
  for (const node of nodes) {
    let cursor = "0";
    do {
      const [next, keys] = await node.scan(
        cursor,
        "MATCH",
        `${escapePattern(start)}*`,
        "COUNT",
        keysPerStep,
      );
      for (const key of keys) found.add(key);
      cursor = next;
    } while (cursor !== "0");
  }
  return found;
}

/** Text that a pattern matches literally. */
function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, "\\$&");
}
