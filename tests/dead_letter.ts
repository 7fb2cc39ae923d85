/**
 * Dead letters for tests.
 *
 * @module
 */

import type { DeadLetter } from "../db/dead_letters/dead_letters.ts";

/** A letter that was tried once, about order 1; what matters to a test is given. */
export function aDeadLetter(own: Partial<DeadLetter> = {}): DeadLetter {
  return {
    group: "orders",
    messageId: "1-1",
    orderId: 1,
    refundId: null,
    amountCents: 100,
    currency: "EUR",
    payload: "[]",
    error: "broken",
    attempts: 1,
    firstSeenMs: 1,
    ...own,
  };
}
