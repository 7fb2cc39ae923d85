/**
 * Waits.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until the time is over or the signal aborts, whichever comes first; it never throws.
 *
 * @param ms milliseconds
 */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  // It throws where the signal aborts, and for nothing else.
  await sleep(ms, undefined, { signal }).catch(() => {});
}
