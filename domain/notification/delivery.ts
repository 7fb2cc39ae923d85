/**
 * When a notification that did not get through is sent again, and when no more.
 *
 * @module
 */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/**
 * Milliseconds after the first failure, the second, and so on, about a day in all: close together at first,
 * for a receiver that restarts, and then as far apart as a person takes to notice.
 */
export const deliveryWaitsMs: readonly number[] = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  1 * hour,
  2 * hour,
  4 * hour,
  8 * hour,
  8 * hour,
];

/** The longest that a receiver may ask to be left alone. */
export const maxWaitMs: number = 8 * hour;

/** Waits are drawn from this part below to this part above, so that receivers do not get waves. */
const jitter = 0.2;

/** What is known of a try that failed. */
export interface FailedTry {
  /** Failures of this notification, this one included. */
  failures: number;
  /** Another try can't end otherwise: the mailbox does not exist, say. */
  permanent: boolean;
  /** How long the receiver wants to be left alone, in milliseconds. */
  retryAfterMs: number | null;
}

/**
 * Milliseconds until the next try, or null to give up.
 *
 * @param random from 0 to 1
 */
export function decideNextTry(failed: FailedTry, random: number): number | null {
  const wait = deliveryWaitsMs[failed.failures - 1];
  if (failed.permanent || wait === undefined) return null;
  const jittered = wait * (1 - jitter + 2 * jitter * random);
  return Math.round(Math.max(jittered, Math.min(failed.retryAfterMs ?? 0, maxWaitMs)));
}
