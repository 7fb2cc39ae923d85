/**
 * Gives others their turn during long work of this thread.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds of work after which others have waited long enough, and where there is hardly anybody else. */
const usualTurnMs = 10, longTurnMs = 100;

let turnMs = usualTurnMs;

/** When this thread gave others their turn last, whichever piece of work it was that did. */
let lastTurn = 0;

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
  const begun = performance.now();
  return () => performance.now() - Math.max(begun, lastTurn) < turnMs ? undefined : wait();
}

async function wait(): Promise<void> {
  await sleep(0);
  lastTurn = performance.now();
}

/**
 * Does work in a process that serves nobody meanwhile, as a command does that reads its file: each turn of others costs
 * a millisecond in which nothing is done. A signal is still heard within a tenth of a second.
 */
export async function inLongTurns<T>(work: () => Promise<T>): Promise<T> {
  turnMs = longTurnMs;
  try {
    return await work();
  } finally {
    turnMs = usualTurnMs;
  }
}
