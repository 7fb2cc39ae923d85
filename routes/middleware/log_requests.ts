/**
 * A line in the log for each request.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import type { AppDeps } from "../deps.ts";
import type { Caller } from "./caller.ts";
import type { AskedBy } from "./problem.ts";

/** A path without whom it names: the log keeps no personal data. */
function unnamedPath(path: string): string {
  return path.replace(/^\/customers\/.*/s, "/customers/…");
}

/** Writes the line of a request that was answered: as a warning where it failed, else for debugging only. */
export function logRequest(
  { log }: Pick<AppDeps, "log">,
  { request_id, method, path }: AskedBy,
  { actor, status, ms }: { actor: string | undefined; status: number; ms: number },
): void {
  log[status >= 500 ? "warn" : "debug"]("request", {
    request_id,
    actor,
    method,
    path: unnamedPath(path),
    status,
    ms: Math.round(ms),
  });
}

/** See {@linkcode logRequest}. */
export function logRequests(deps: Pick<AppDeps, "log">): MiddlewareHandler {
  return async (c, next) => {
    const start = performance.now();
    await next();
    const { method, path } = c.req;
    logRequest(deps, { request_id: c.get("requestId") as string, method, path }, {
      actor: (c.get("caller") as Caller | undefined)?.actor,
      status: c.res.status,
      ms: performance.now() - start,
    });
  };
}
