/**
 * What Deno can't know of the requests that it traces.
 *
 * @module
 */

import { trace } from "@opentelemetry/api";
import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";

/**
 * Names a request's span by its route, which is known once it was found: `GET /orders/:id`. Requests that no route
 * takes keep the name that Deno gives them.
 */
export function traceRequests(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const span = trace.getActiveSpan();
    const route = routePath(c, -1);
    if (span === undefined || route.includes("*")) return;
    span.updateName(`${c.req.method} ${route}`);
    span.setAttribute("http.route", route);
    // Whom it is about stands in the address, and belongs into no trace.
    if (route.startsWith("/customers/")) {
      span.setAttribute("url.path", route);
      span.setAttribute("url.full", new URL(route, c.req.url).href);
    }
  };
}
