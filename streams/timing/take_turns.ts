/**
 * Gives others their turn during long work of this thread.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds of work after which others have waited long enough. */
const turnMs = 10;

/**
 * Makes a function that is called between two small pieces of work, and waits for others when it is their turn:
 * requests, answers of engines, timers.
 *
 * They get it by a timer. Deno runs what `setImmediate` is given again and again before it looks at the network: with
 * 10 ms of work in between, a bare request took 700 ms, and takes 15 ms so.
 *
 * @returns undefined where there is nothing to wait for, so that most calls cost no promise
 */
export function takeTurns(): () => Promise<void> | undefined {
  let since = performance.now();
  const wait = async () => {
    await sleep(0);
    since = performance.now();
  };
  return () => performance.now() - since < turnMs ? undefined : wait();
}
