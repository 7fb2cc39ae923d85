/**
 * Lends connections to so many callers at once, so that others find some.
 *
 * @module
 */

import type { ConnectionPool } from "./connection_pool.ts";

/**
 * The same pool for callers of which at most `max()` are lent a connection at once; the others wait in their order
 * without one. A call within `work` that goes by the same limit may wait for ever.
 *
 * @param max at least 1; may change at any time: where it falls nobody is interrupted, and where it rises those who
 * wait go on when the next one is done
 */
export function limitedUse(use: ConnectionPool["use"], max: () => number): ConnectionPool["use"] {
  const waiting: (() => void)[] = [];
  let lent = 0;
  return async (work) => {
    if (lent < max() && waiting.length === 0) lent++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await use(work);
    } finally {
      lent--;
      while (lent < max() && waiting.length > 0) {
        lent++;
        waiting.shift()!();
      }
    }
  };
}
