/**
 * Gives others their turn during long work of this thread.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";

/** Milliseconds of work after which others have waited long enough. */
const turnMs = 10;

/**
 * Makes a function that is called between two small pieces of work, and waits for others when it is their turn:
 * answers that have come from engines and the network, timers, other work that has taken a break.
 *
 * @returns undefined where there is nothing to wait for, so that most calls cost no promise
 */
export function takeTurns(): () => Promise<void> | undefined {
  let since = performance.now();
  const wait = async () => {
    await setImmediate();
    since = performance.now();
  };
  return () => performance.now() - since < turnMs ? undefined : wait();
}
