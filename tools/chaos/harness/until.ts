/**
 * Waits for what must come to pass.
 *
 * @module
 */

import { messageOf } from "../../../domain/errors.ts";

/** How often a condition is looked at, in milliseconds. */
const lookMs = 25;

/** What a condition throws when it can never come to pass. */
export class NoHope extends Error {
  override name = "NoHope";
}

/**
 * Looks at a condition again and again until it holds.
 *
 * @param what must come to pass, for the error: "the batch is reclaimed"
 * @param withinMs the bound: later is a failure
 * @param condition true once it holds, else how things stand; what it throws counts as that too, because
 * engines may be away, unless it is {@linkcode NoHope}
 * @returns milliseconds that it took
 * @throws {Error} when the time is over, with how things stood last
 */
export async function until(
  what: string,
  withinMs: number,
  condition: () => Promise<true | string> | true | string,
): Promise<number> {
  const started = performance.now();
  for (;;) {
    let state: true | string;
    try {
      state = await condition();
    } catch (error) {
      if (error instanceof NoHope) throw error;
      state = messageOf(error);
    }
    const ms = performance.now() - started;
    if (state === true) return ms;
    if (ms > withinMs) {
      throw new Error(`Waited ${(ms / 1000).toFixed(1)} s in vain until ${what}: ${state}`);
    }
    await pauseMs(lookMs);
  }
}

/** Lets time pass between two faults; conditions are waited for by {@linkcode until}. */
export function pauseMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
