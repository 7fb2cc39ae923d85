/**
 * A limit on how many requests a token may make.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { messageOf } from "../../domain/errors.ts";
import { countRequest } from "../../streams/redis/rate_limit.ts";
import type { Caller } from "./caller.ts";
import type { AppDeps } from "../deps.ts";
import { httpProblem } from "./problem.ts";
import { withDeadline } from "../../streams/timing/deadline.ts";

/** Longest wait for the count, in milliseconds. */
const maxWaitMs = 250;

/** Milliseconds without counting after Redis did not answer, so that a hanging one delays few. */
const pauseMs = 2_000;

/** What a limit says of a request. */
export interface RateOf {
  /** Of the answer, whatever that is. */
  headers: Readonly<Record<string, string>>;
  /** Set where the request is one too many: 429, with these further headers. */
  refusal?: { detail: string; headers: Readonly<Record<string, string>> };
}

/** Counts a request of whoever is named; undefined where nothing is counted. */
export type CountRate = (name: string | null | undefined) => Promise<RateOf> | undefined;

/**
 * Makes the limit: it counts the requests of each token over all processes and refuses those beyond `RATE_LIMIT`. While Redis is
 * away nothing is counted and nobody is turned away. Where nobody is asked who they are, nobody is counted.
 */
export function rateCounter(deps: AppDeps): CountRate {
  const { config: { rateLimitPerMinute: limit }, log } = deps;
  let pausedUntil = -Infinity;
  const count = async (name: string): Promise<RateOf> => {
    let count;
    try {
      count = await withDeadline(maxWaitMs, "Redis", countRequest(deps, name, limit));
    } catch (error) {
      pausedUntil = performance.now() + pauseMs;
      log.warn("requests not counted", { error: messageOf(error) });
      return { headers: {} };
    }
    const seconds = (ms: number) => Math.ceil(ms / 1_000);
    const headers = {
      "ratelimit-policy": `"token";q=${limit};w=60`,
      "ratelimit": `"token";r=${count.left};t=${seconds(count.resetMs)}`,
    };
    if (count.allowed) return { headers };
    return {
      headers,
      refusal: {
        detail: `${name} has made more than ${limit} requests a minute`,
        headers: { "retry-after": String(Math.max(1, seconds(count.retryMs))) },
      },
    };
  };
  return (name) =>
    typeof name !== "string" || limit === 0 || performance.now() < pausedUntil
      ? undefined
      : count(name);
}

/** Answers 429 to requests beyond the limit; every counted answer tells what is left, as the IETF's draft of RateLimit header fields has it. */
export function limitRate(countRate: CountRate): MiddlewareHandler {
  return async (c, next) => {
    const rate = await countRate((c.get("caller") as Caller | undefined)?.name);
    if (rate?.refusal !== undefined) {
      const { detail, headers } = rate.refusal;
      return httpProblem(c, 429, detail, { ...rate.headers, ...headers });
    }
    await next();
    for (const [name, value] of Object.entries(rate?.headers ?? {})) c.res.headers.set(name, value);
  };
}
