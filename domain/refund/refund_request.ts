/**
 * What a request for a refund may say, whichever way it comes.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import { orderLimits } from "../order/incoming_order.ts";

/** An idempotency key, as headers can have it. */
export const idempotencyKeyPattern: RegExp = /^[\x21-\x7e]{1,255}$/;

/** The error for a key that came with a request that says something else. */
export function reusedKey(): WorkflowError {
  return new WorkflowError(
    "idempotency_key_reused",
    "The idempotency key has been used with another request",
  );
}

/** What is wrong with a reason; undefined where nothing is. */
export function reasonFault(text: string): string | undefined {
  if ([...text].length > orderLimits.textLength) {
    return `must have at most ${orderLimits.textLength} characters`;
  }
  return text.isWellFormed() && !/\p{Cc}/u.test(text)
    ? undefined
    : "must hold no control characters";
}

/** A reason without the spaces around it; null where nothing is left. */
export function trimmedReason(reason: string | null): string | null {
  return reason?.trim() || null;
}

/** What a request says, apart from its order. */
export interface RefundWish {
  /** Null means all that is left. */
  amountCents: number | null;
  /** For the books. */
  reason: string | null;
  /** Null where the caller gave none. */
  idempotencyKey: string | null;
}

/** Everything that is wrong with a request before anybody looks at its order: a field and a complaint each. */
export function refundWishFaults(
  { amountCents, reason, idempotencyKey }: RefundWish,
): { at: string; detail: string }[] {
  const faults: { at: string; detail: string }[] = [];
  if (amountCents !== null && !Number.isSafeInteger(amountCents)) {
    faults.push({ at: "amount", detail: "must be a whole number of minor units" });
  } else if (amountCents !== null && amountCents < 1) {
    faults.push({ at: "amount", detail: `${amountCents} is no amount` });
  }
  const fault = reason === null ? undefined : reasonFault(reason);
  if (fault !== undefined) faults.push({ at: "reason", detail: fault });
  if (idempotencyKey !== null && !idempotencyKeyPattern.test(idempotencyKey)) {
    faults.push({ at: "key", detail: "must have 1…255 visible ASCII characters" });
  }
  return faults;
}
