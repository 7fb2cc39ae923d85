/**
 * When a failed message is tried again, and when no more.
 *
 * @module
 */

/** The most that a retry waits, in milliseconds. */
export const maxBackoffMs = 3_600_000;

/**
 * A message whose consumers keep dying is suspected of killing them: from so many deliveries without an
 * error on it is tried alone, so that it takes no neighbours along.
 */
export const deliveriesBeforeIsolation = 3;

/**
 * Milliseconds until the next try: doubling with every error, up to {@linkcode maxBackoffMs}.
 *
 * @param errors that the message has caused so far, at least 1
 * @param firstMs wait after the first error
 */
export function backoffMs(errors: number, firstMs: number): number {
  return Math.min(maxBackoffMs, firstMs * 2 ** Math.min(errors - 1, 30));
}

/** What to do with a message that comes back, before it is run. */
export type RedeliveryDecision = "run" | "run_alone" | "dead_letter";

/**
 * Errors and crashes count apart: an error uses up a try, a crash or a restart does not; yet a message
 * that outlives none of its consumers must end somewhere.
 *
 * @param deliveries how often it was handed out, this time included
 * @param errors how often a handler failed on it
 * @param maxDeliveries errors that are allowed; twice as many crashes are
 */
export function decideRedelivery(
  deliveries: number,
  errors: number,
  maxDeliveries: number,
): RedeliveryDecision {
  const crashes = deliveries - 1 - errors;
  if (errors >= maxDeliveries) return "dead_letter";
  if (crashes >= deliveriesBeforeIsolation + 2 * maxDeliveries) return "dead_letter";
  return crashes >= deliveriesBeforeIsolation ? "run_alone" : "run";
}
