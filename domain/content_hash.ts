/**
 * Tells whether two orders, or two requests, say the same.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** What an order says; a customer's e-mail and name and a product's name are not part of it. */
export interface OrderContent {
  customerExternalId: string;
  currency: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS[.fff]`. */
  placedAt: string;
  items: readonly { sku: string; unitPriceCents: number; qty: number }[];
}

/** 16 bytes that are equal for equal contents; the order of the items does not matter. */
export function orderContentHash(content: OrderContent): Uint8Array {
  const items = content.items
    .map(({ sku, unitPriceCents, qty }) => JSON.stringify([sku, unitPriceCents, qty]))
    .sort();
  return hash([content.customerExternalId, content.currency, content.placedAt, ...items]);
}

/** 16 bytes that are equal for equal refund requests. */
export function refundRequestHash(
  request: { orderId: number; amountCents: number | null; reason: string | null },
): Uint8Array {
  return hash([
    String(request.orderId),
    String(request.amountCents),
    JSON.stringify(request.reason),
  ]);
}

function hash(parts: readonly string[]): Uint8Array {
  const digest = createHash("sha256").update(parts.join("\n")).digest();
  return new Uint8Array(digest.subarray(0, 16));
}
