/**
 * Headers that go for every answer.
 *
 * @module
 */

import { Hono, type MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { Config } from "../../config/config.ts";
import { cors } from "./cors.ts";

/** For answers that are no pages. */
const strictCsp = "default-src 'none'; frame-ancestors 'none'";

/** Says what goes for every answer that does not say it itself. */
export function answerHeaders(): MiddlewareHandler[] {
  return [
    // Without a referrer, browsers would not say whose a form of our own is.
    secureHeaders({ referrerPolicy: "same-origin" }),
    async (c, next) => {
      await next();
      const { headers } = c.res;
      // A page says itself what it needs.
      if (!headers.has("content-security-policy")) {
        headers.set("content-security-policy", strictCsp);
      }
      if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
      // Nobody will read it, and whatever makes it must come to an end.
      if (c.req.method === "HEAD") await c.res.body?.cancel();
    },
  ];
}

/** The headers of an answer that says nothing itself, to a request that no web page makes. */
export async function usualHeaders(
  config: Pick<Config, "corsOrigins">,
): Promise<readonly [string, string][]> {
  const app = new Hono().use(...answerHeaders(), cors(config)).get("/", (c) => c.body(null));
  return [...(await app.request("/")).headers];
}
