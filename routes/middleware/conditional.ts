/**
 * Answers that say when they are as they were: `ETag` and `If-None-Match`, RFC 9110.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { trimEnd } from "../../domain/text/trim_end.ts";

/** What can be asked for so: single things and lists, made whole before they are sent. */
const paths =
  /^\/(orders|refunds|products|imports|notifications|dead-letters|webhook-endpoints|events|kpis|leaderboard|streams|audit|openapi\.json|(orders|refunds|products|imports|notifications|dead-letters|webhook-endpoints)\/[^/]+|orders\/[^/]+\/refunds|products\/[^/]+\/movements|webhook-endpoints\/[^/]+\/deliveries)$/;

/** True for a path whose JSON has an `ETag`. */
export function isConditional(path: string): boolean {
  return paths.test(trimEnd(path, "/"));
}

/** Hexadecimal digits of the hash: 64 bits, of which two states of one thing share theirs by no chance worth naming. */
const hashDigits = 16;

/** Between what a route's own tag says and the hash of the whole. */
const separator = ".";

/**
 * Gives the answers to reading a strong `ETag`, made of every byte of them, and answers 304 where it is the one that was sent. It
 * saves sending, not looking. A tag of a route's own, which names what `If-Match` is about, stands in front of a dot.
 *
 * Whoever keeps an answer has to ask before using it again, and may use it for nobody else.
 */
export function conditional(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { method, path } = c.req;
    if (method !== "GET" && method !== "HEAD") return;
    const isJson = /^application\/json\b/.test(c.res.headers.get("content-type") ?? "");
    if (c.res.status !== 200 || !isJson || !isConditional(path)) return;
    const body = new Uint8Array(await c.res.arrayBuffer());
    const hash = createHash("sha256").update(body).digest("hex").slice(0, hashDigits);
    const own = /^"(.+)"$/.exec(c.res.headers.get("etag") ?? "")?.[1];
    // A product's is of all of it already.
    const isWhole = own?.startsWith(hash) ?? false;
    const tag = isWhole ? `"${own}"` : `"${own === undefined ? "" : own + separator}${hash}"`;
    const headers = new Headers(c.res.headers);
    headers.set("etag", tag);
    headers.set("cache-control", "private, no-cache");
    for (const name of ["Accept", "Authorization", "Cookie"]) headers.append("vary", name);
    const isKnown = matches(c.req.header("if-none-match"), tag);
    if (isKnown) { for (const name of ["content-type", "content-length"]) headers.delete(name); }
    // What is set over an answer gets the headers of that one as well.
    c.res = undefined;
    c.res = isKnown
      ? new Response(null, { status: 304, headers })
      : new Response(body, { status: 200, headers });
  };
}

/** Weakly compared, as 13.1.2 of the RFC wants it. */
function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === tag);
}

/** What a route's own tag was before {@linkcode conditional} added to it; any other stays as it is. */
export function ownTagOf(tag: string): string {
  return tag.replace(new RegExp(`\\${separator}[0-9a-f]{${hashDigits}}"$`), '"');
}
