/**
 * Keeps a test that is about today within one day.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";

const dayMs = 86_400_000;

/**
 * Waits for the next day, UTC, where this one ends within so many seconds: only then does a test need it whose figures, lists
 * or periods are those of today. What has ended yesterday is for tests that put it back by days.
 *
 * @returns today, `YYYY-MM-DD`
 */
export async function withinOneDay(seconds = 30): Promise<string> {
  const left = dayMs - Date.now() % dayMs;
  if (left < seconds * 1_000) await sleep(left + 1);
  return new Date().toISOString().slice(0, 10);
}
