/**
 * Gives others their turn during long work of this thread.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds of work after which others have waited long enough; where nobody has asked lately; and in a process that serves nobody. */
const usualTurnMs = 10, quietTurnMs = 25, longTurnMs = 100;

/** Milliseconds after which somebody who has asked for something is taken to have gone. */
const goneMs = 1_000;

let isAlone = false;

/** When this thread gave others their turn last, whichever piece of work it was that did. */
let lastTurn = 0;

/** When somebody has asked this process for anything last. */
let askedAt = -Infinity;

/**
 * Tells that there is other work for this thread: a request, or messages in hand. For a while, long work gives others their
 * turn more often then.
 */
export function othersAsk(now: number = performance.now()): void {
  askedAt = now;
}

/** Milliseconds that a piece of long work may take now until it is others' turn. */
export function turnMsAt(now: number): number {
  if (isAlone) return longTurnMs;
  return now - askedAt < goneMs ? usualTurnMs : quietTurnMs;
}

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
  return () => {
    const now = performance.now();
    return now - Math.max(begun, lastTurn) < turnMsAt(now) ? undefined : wait();
  };
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
  isAlone = true;
  try {
    return await work();
  } finally {
    isAlone = false;
  }
}
