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

/**
 * Counts the requests of each token over all processes and answers 429 to those beyond `RATE_LIMIT`; every
 * counted answer tells what is left, as the IETF's draft of RateLimit header fields has it. While Redis is
 * away nothing is counted and nobody is turned away. Where nobody is asked who they are, nobody is counted.
 */
export function limitRate(deps: AppDeps): MiddlewareHandler {
  const { config: { rateLimitPerMinute: limit }, log } = deps;
  let pausedUntil = -Infinity;
  return async (c, next) => {
    const name = (c.get("caller") as Caller | undefined)?.name;
    if (typeof name !== "string" || limit === 0 || performance.now() < pausedUntil) {
      return await next();
    }
    let count;
    try {
      count = await withDeadline(maxWaitMs, "Redis", countRequest(deps, name, limit));
    } catch (error) {
      pausedUntil = performance.now() + pauseMs;
      log.warn("requests not counted", { error: messageOf(error) });
      return await next();
    }
    const seconds = (ms: number) => Math.ceil(ms / 1_000);
    const headers = {
      "ratelimit-policy": `"token";q=${limit};w=60`,
      "ratelimit": `"token";r=${count.left};t=${seconds(count.resetMs)}`,
    };
    if (!count.allowed) {
      return httpProblem(c, 429, `${name} has made more than ${limit} requests a minute`, {
        ...headers,
        "retry-after": String(Math.max(1, seconds(count.retryMs))),
      });
    }
    await next();
    for (const [header, value] of Object.entries(headers)) c.res.headers.set(header, value);
  };
}
