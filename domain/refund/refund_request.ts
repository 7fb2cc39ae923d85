/**
 * What a request for a refund may say, whichever way it comes.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import { orderLimits } from "../order/incoming_order.ts";
import type { RefundItems } from "./refund_items.ts";
import { refundableKinds } from "./shares.ts";

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

/** Limits on the parts that a request names. */
export const refundLimits = {
  /** Entries of lines. */
  lines: 1_000,
  /** Entries of adjustments. */
  adjustments: 100,
} as const;

/** What a request says, apart from its order. */
export interface RefundWish {
  /** Null means all that is left, or what the parts are worth. */
  amountCents: number | null;
  /** Which parts it is about; null where it is about a mere amount. */
  items: RefundItems | null;
  /** For the record. */
  reason: string | null;
  /** Null where the caller gave none. */
  idempotencyKey: string | null;
}

/** Everything that is wrong with a request before anybody looks at its order: a field and a complaint each. */
export function refundWishFaults(
  { amountCents, items, reason, idempotencyKey }: RefundWish,
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
  return items === null ? faults : [...faults, ...itemFaults(items)];
}

function itemFaults(
  { lines, adjustments, restock }: RefundItems,
): { at: string; detail: string }[] {
  const faults: { at: string; detail: string }[] = [];
  const counts: [at: keyof typeof refundLimits, count: number][] = [
    ["lines", lines.length],
    ["adjustments", adjustments.length],
  ];
  for (const [at, count] of counts) {
    if (count > refundLimits[at]) {
      faults.push({ at, detail: `must be ${refundLimits[at]} at most, not ${count}` });
    }
  }
  if (!restock && lines.length + adjustments.length === 0) {
    faults.push({ at: "request", detail: "names no part of the order" });
  }
  if (restock && lines.length + adjustments.length > 0) {
    faults.push({
      at: "restock",
      detail: "of everything is for all that is left: each line has its own",
    });
  }
  for (const { sku, itemId, qty } of lines) {
    const name = sku ?? `item ${itemId}`;
    if ((sku === null) === (itemId === null)) {
      faults.push({ at: `line of ${name}`, detail: "must name a SKU or an item, and not both" });
    }
    if (!Number.isSafeInteger(qty) || qty < 1 || qty > orderLimits.qty) {
      const detail = `must be an integer 1…${orderLimits.qty}, not ${qty}`;
      faults.push({ at: `quantity of ${name}`, detail });
    }
  }
  for (const { kind, amountCents } of adjustments) {
    if (!refundableKinds.includes(kind)) {
      faults.push({ at: `adjustment ${kind}`, detail: `must be ${refundableKinds.join(", ")}` });
    }
    if (!Number.isSafeInteger(amountCents) || amountCents < 1) {
      const detail = `must be a whole number of minor units above 0, not ${amountCents}`;
      faults.push({ at: `amount of ${kind}`, detail });
    }
  }
  return faults;
}
