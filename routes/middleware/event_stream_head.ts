/**
 * What a stream of events is asked about without being read.
 *
 * @module
 */

import type { Context } from "hono";

/**
 * Answers `HEAD` for a stream of events. A `GET` route is asked for `HEAD` as well, and its body is thrown away
 * unread: a stream that were opened for it would never be closed, and keep its place until the process ends.
 */
export function eventStreamHead(c: Context): Response {
  return c.body(null, 200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
}
