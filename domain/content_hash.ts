/**
 * Tells whether two orders, or two requests, say the same.
 *
 * @module
 */

import { hash as digestOf } from "node:crypto";

/** What an order says; a customer's e-mail and name and a product's name are not part of it. */
export interface OrderContent {
  /** The shop's own id of the customer. */
  customerExternalId: string;
  /** ISO 4217, upper case. */
  currency: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS[.fff]`. */
  placedAt: string;
  /** In any order. */
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

/** SHA-256 over what a request says, in hexadecimal: the same for the same request, however it was written. */
export function requestHash(value: unknown): string {
  return digestOf("sha256", JSON.stringify(value), "hex");
}

function hash(parts: readonly string[]): Uint8Array {
  // In hexadecimal: a digest as a buffer takes four times as long.
  return Uint8Array.fromHex(digestOf("sha256", parts.join("\n"), "hex").slice(0, 32));
}
