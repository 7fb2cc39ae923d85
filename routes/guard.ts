/**
 * Keeps web pages of others from using an API that does not ask who they are, or that knows a browser by its
 * session.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { isLoopback } from "../domain/config.ts";
import type { AppDeps } from "./deps.ts";
import { httpProblem } from "./problem.ts";

/**
 * Refuses what only a browser that was led astray would send: a change that a page of another origin
 * asks for, and, where nobody but this machine is meant to be served, a name that some page's owner has
 * pointed at the loopback address.
 */
export function guard({ config }: AppDeps): MiddlewareHandler {
  return async (c, next) => {
    const url = URL.parse(c.req.url);
    // A name with a path in it would make another path of the one that a proxy has let through.
    const isHost = /^[^\s/?#@\\]*$/.test(c.req.header("host") ?? "");
    if (url === null || !isHost) return httpProblem(c, 400, "The Host header names no host");
    // Tunnels and echoes are for proxies, and neither of them nor of "get" a Request can be made again.
    if (!/^[A-Z]{1,20}$/.test(c.req.method) || /^(TRACE|TRACK|CONNECT)$/.test(c.req.method)) {
      return httpProblem(c, 405, "There is no such method", { allow: "GET, HEAD, POST, OPTIONS" });
    }
    const { hostname, host } = url;
    if (
      config.apiTokens.length === 0 && !config.allowAnonymous && !isLoopback(hostname) &&
      !hostname.endsWith(".localhost") &&
      hostname !== config.host
    ) {
      return httpProblem(c, 403, `This API does not answer to the name ${hostname}`);
    }
    const origin = c.req.header("origin");
    const isChange = !["GET", "HEAD", "OPTIONS"].includes(c.req.method);
    if (
      isChange && origin !== undefined && URL.parse(origin)?.host !== host &&
      !config.corsOrigins.includes(origin)
    ) {
      return httpProblem(c, 403, "A page of another origin can't change anything here");
    }
    await next();
  };
}
