/**
 * Keeps web pages of others from using an API that does not ask who they are, or that knows a browser by its
 * session.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { isLoopback } from "../../config/config.ts";
import { madeOf } from "../../config/made_of.ts";
import { parseNetwork } from "../../domain/operation/network.ts";
import { trimEnd } from "../../domain/text/trim_end.ts";
import type { AppDeps } from "../deps.ts";
import { httpProblem } from "./problem.ts";

/**
 * Whether a request is for a name that is meant. A page's owner can point a name of theirs at any address, that of
 * this machine and its network among them, and then reads and changes everything that the browser's user may.
 *
 * With tokens and without a list, any name will do: a browser sends neither token nor session to a name that it got
 * them not from. Without tokens an address will do where others than this machine are served: no page can have one
 * that is not its own.
 */
function isMeant({ hostname, host }: URL, config: AppDeps["config"]): boolean {
  if (isLoopback(hostname) || hostname.endsWith(".localhost")) return true;
  if (withoutBrackets(hostname) === withoutBrackets(config.host)) return true;
  const { allowedHosts } = config;
  if (allowedHosts.length > 0) {
    return allowedHosts.includes(hostname) || allowedHosts.includes(host);
  }
  if (config.apiTokens.length > 0) return true;
  return config.allowAnonymous && parseNetwork(withoutBrackets(hostname)) !== undefined;
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1) : host.toLowerCase();
}

/** A name with a path in it would make another path of the one that a proxy has let through. */
function isHost(header: string): boolean {
  return /^[^\s/?#@\\]*$/.test(header);
}

/** Most names that {@linkcode meantHosts} keeps: whoever asks may send any. */
const maxHosts = 64;

/**
 * Makes a function that is true for a request's `Host` header that {@linkcode guard} lets through, for a path that is no
 * probe's. What it finds it keeps: a service is asked by few names.
 */
export function meantHosts({ config }: Pick<AppDeps, "config">): (host: string) => boolean {
  // While there are no tokens, fewer names are meant.
  const meantBy = madeOf(() => config.apiTokens, () => new Set<string>());
  return (host) => {
    const meant = meantBy();
    if (meant.has(host)) return true;
    const url = isHost(host) ? URL.parse(`http://${host}/`) : null;
    if (url === null || !isMeant(url, config)) return false;
    if (meant.size < maxHosts) meant.add(host);
    return true;
  };
}

/**
 * Refuses what only a browser that was led astray would send: a change that a page of another origin asks for, and a
 * name that nobody here has given, see {@linkcode isMeant}.
 */
export function guard({ config }: AppDeps): MiddlewareHandler {
  return async (c, next) => {
    const url = URL.parse(c.req.url);
    if (url === null || !isHost(c.req.header("host") ?? "")) {
      return httpProblem(c, 400, "The Host header names no host");
    }
    // Tunnels and echoes are for proxies, and neither of them nor of "get" a Request can be made again.
    if (!/^[A-Z]{1,20}$/.test(c.req.method) || /^(TRACE|TRACK|CONNECT)$/.test(c.req.method)) {
      return httpProblem(c, 405, "There is no such method", {
        allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
      });
    }
    const { host } = url;
    // Orchestrators ask by whatever address the process has; what they are told is of no use to anybody else.
    const path = trimEnd(c.req.path, "/");
    const isProbe = /^\/(livez|readyz)$/.test(path);
    // So does what collects figures; a page that was led astray has no token to show.
    const isCollector = path === "/metrics" && config.apiTokens.length > 0 &&
      c.req.header("authorization") !== undefined;
    if (!isProbe && !isCollector && !isMeant(url, config)) {
      return httpProblem(
        c,
        421,
        `This API does not answer to the name ${url.hostname}; ALLOWED_HOSTS lists those that it does`,
      );
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
