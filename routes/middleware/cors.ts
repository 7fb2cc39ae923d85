/**
 * Lets scripts of listed web pages of others use the API.
 *
 * `hono/cors` answers every OPTIONS by itself, so nobody would learn which methods a path takes, and tells pages
 * that are not listed which headers there are. Kept from both it is no shorter (44 lines for 42).
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import type { Config } from "../../config/config.ts";

/** Seconds for which a browser may remember what it was told. */
const rememberSeconds = 600;

/**
 * Tells browsers that pages of the origins in `CORS_ORIGINS`, and of no others, may read answers and send
 * tokens. Never cookies: a session is for our own pages alone.
 */
export function cors({ corsOrigins }: Pick<Config, "corsOrigins">): MiddlewareHandler {
  return async (c, next) => {
    if (corsOrigins.length === 0) return await next();
    const origin = c.req.header("origin") ?? "";
    const isListed = corsOrigins.includes(origin);
    const asks = c.req.method === "OPTIONS" &&
      c.req.header("access-control-request-method") !== undefined;
    if (isListed && asks) {
      return c.body(null, 204, {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers":
          "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id",
        "access-control-max-age": String(rememberSeconds),
        vary: "origin",
      });
    }
    await next();
    c.res.headers.append("vary", "origin");
    if (!isListed) return;
    c.res.headers.set("access-control-allow-origin", origin);
    c.res.headers.set(
      "access-control-expose-headers",
      "etag, idempotent-replayed, location, ratelimit, ratelimit-policy, retry-after, x-request-id",
    );
  };
}
