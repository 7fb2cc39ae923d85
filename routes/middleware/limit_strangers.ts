/**
 * Limits on what those may try who have shown no token.
 *
 * @module
 */

import type { Context } from "hono";
import { messageOf } from "../../domain/errors.ts";
import { localLimit } from "../../domain/operation/local_limit.ts";
import { countRequest } from "../../streams/redis/rate_limit.ts";
import { addressOf } from "./client_address.ts";
import type { AppDeps } from "../deps.ts";
import { withDeadline } from "../../streams/timing/deadline.ts";

/** Tries to sign in within a minute: of one address, and of all together. */
export const signInLimits = { address: 30, all: 300 } as const;

/** Longest wait for the count, in milliseconds. */
const maxWaitMs = 250;

/** Milliseconds for which this process counts alone after Redis did not answer. */
const pauseMs = 2_000;

/** Counts a try of a stranger; the seconds that the next one has to wait, or 0 if this one may go on. */
export type CountStranger = (c: Context) => Promise<number>;

/**
 * Makes the limits. All processes on one Redis count together; while it is away each counts by itself, because whoever
 * guesses must not be let in for that.
 */
export function limitStrangers(
  deps: AppDeps,
): { signIn: CountStranger; refused: CountStranger } {
  const { config, log } = deps;
  const countHere = localLimit();
  let aloneUntil = -Infinity;

  const waitMs = async (caller: string, limit: number): Promise<number> => {
    if (performance.now() >= aloneUntil) {
      try {
        const count = await withDeadline(maxWaitMs, "Redis", countRequest(deps, caller, limit));
        return count.allowed ? 0 : count.retryMs;
      } catch (error) {
        aloneUntil = performance.now() + pauseMs;
        log.warn("strangers counted by this process alone", { error: messageOf(error) });
      }
    }
    return countHere(caller, limit, performance.now());
  };
  const seconds = (ms: number) => ms === 0 ? 0 : Math.max(1, Math.ceil(ms / 1_000));

  return {
    signIn: async (c) => {
      // First the address: what is refused of one must not use up what all may try together.
      const own = await waitMs(`sign-in:${addressOf(c, config)}`, signInLimits.address);
      return seconds(own > 0 ? own : await waitMs("sign-in:", signInLimits.all));
    },
    refused: async (c) => {
      if (config.rateLimitPerMinute === 0) return 0;
      return seconds(await waitMs(`stranger:${addressOf(c, config)}`, config.rateLimitPerMinute));
    },
  };
}
