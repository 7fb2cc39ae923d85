/**
 * Whether live messages come at the moment, so that bulk work leaves them room.
 *
 * @module
 */

/** How long a live message counts as one after which others come, in milliseconds. */
export const liveWithinMs = 2_000;

/** What the consumers of a process know of the live lanes. */
export interface LiveWatch {
  /** Notes how long ago a group got a live message, in milliseconds; -1 for never. */
  saw(ageMs: number): void;
  /** Whether one came within {@linkcode liveWithinMs}. */
  comes(): boolean;
}

/** @param now a monotonic clock in ms */
export function watchLive(now: () => number = () => performance.now()): LiveWatch {
  let until = -Infinity;
  return {
    saw: (ageMs) => {
      if (ageMs >= 0) until = Math.max(until, now() + liveWithinMs - ageMs);
    },
    comes: () => now() < until,
  };
}
