/**
 * Counts requests, so that one caller can't take what all share.
 *
 * @module
 */

import type { RedisDeps } from "./keys.ts";
import { defineScript, runScript } from "./scripts.ts";

const rateLimitScript = defineScript("rate_limit", import.meta.url);

/** What is left of a caller's limit after a request. */
export interface RateLimit {
  /** False where the request was one too many; it was not counted then. */
  allowed: boolean;
  /** Requests that may still come at once. */
  left: number;
  /** Milliseconds until the whole limit is there again. */
  resetMs: number;
  /** Milliseconds until the next request may come; 0 if one may now. */
  retryMs: number;
}

/**
 * Counts a request.
 *
 * @param caller whose request it is; all processes on one Redis count together
 * @param limit requests a minute, at least 1; as many may come at once
 * @throws when Redis is away; then nothing was counted
 */
export async function countRequest(
  { redis, keys }: RedisDeps,
  caller: string,
  limit: number,
): Promise<RateLimit> {
  const reply = await runScript(redis, rateLimitScript, [`${keys.rateLimit}${caller}`], [limit]);
  const [allowed, left, resetMs, retryMs] = reply as [number, number, number, number];
  return { allowed: allowed === 1, left, resetMs, retryMs };
}
