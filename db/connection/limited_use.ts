/**
 * Lends connections to so many callers at once, so that others find some.
 *
 * @module
 */

import type { ConnectionPool } from "./connection_pool.ts";

/**
 * The same pool for callers of which at most `max` are lent a connection at once; the others wait in their order
 * without one. A call within `work` that goes by the same limit may wait for ever.
 */
export function limitedUse(use: ConnectionPool["use"], max: number): ConnectionPool["use"] {
  const waiting: (() => void)[] = [];
  let free = max;
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await use(work);
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
