/**
 * Tells whether two orders, or two requests, say the same.
 *
 * @module
 */

import { hash as digestOf } from "node:crypto";
import type { RefundItems } from "../refund/refund_items.ts";
import { instructionsText, type PaymentInstructions } from "../payment/payment_instructions.ts";
import type { Adjustment } from "./adjustment.ts";
import type { SourcePayment } from "./source_payment.ts";

/** What an order says; a customer's e-mail and name and a product's name are not part of it. */
export interface OrderContent {
  /** The shop's own id of the customer; empty for every guest. */
  customerExternalId: string;
  /** ISO 4217, upper case. */
  currency: string;
  /** UTC, `YYYY-MM-DD HH:MM:SS[.fff]`. */
  placedAt: string;
  /** In any order. */
  items: readonly { sku: string; unitPriceCents: number; qty: number }[];
  /** In any order. */
  adjustments?: readonly Adjustment[] | undefined;
  /** Undefined is `due`. */
  payment?: SourcePayment | undefined;
  /** What it is to be paid with; undefined for nothing that was said. */
  instructions?: PaymentInstructions | undefined;
}

/**
 * 16 bytes in hexadecimal that are equal for equal contents; the order of items and adjustments does not matter. What
 * an order does not have leaves no trace, so orders of before there was such a thing keep their hash.
 */
export function orderContentHash(content: OrderContent): string {
  const items = content.items.map(itemText);
  if (items.length > 1) items.sort();
  const head = `${content.customerExternalId}\n${content.currency}\n${content.placedAt}\n`;
  return hash(head + items.join("\n") + termsText(content));
}

/** What an order says beside its items; empty where it says nothing. Items never begin with a brace. */
function termsText({ adjustments = [], payment, instructions }: OrderContent): string {
  const isDue = payment === undefined || payment.status === "due";
  if (adjustments.length === 0 && isDue && instructions === undefined) return "";
  const lines = adjustments.map(({ kind, label, amountCents, included }) =>
    JSON.stringify([kind, label, amountCents, included])
  );
  const paid = isDue
    ? null
    : payment.status === "paid"
    ? [payment.status, payment.provider, payment.reference]
    : [payment.status];
  const terms = `\n${JSON.stringify({ adjustments: lines.sort(), payment: paid })}`;
  return instructions === undefined ? terms : `${terms}\n${instructionsText(instructions)}`;
}

/** As JSON.stringify() writes `[sku, unitPriceCents, qty]`. */
function itemText({ sku, unitPriceCents, qty }: OrderContent["items"][number]): string {
  const text = /^[ !#-[\]-~]*$/.test(sku) ? `"${sku}"` : JSON.stringify(sku);
  return `[${text},${unitPriceCents},${qty}]`;
}

/**
 * 16 bytes that are equal for equal refund requests. Those of a mere amount have what they had before requests could
 * name parts of an order.
 *
 * @param request.items the parts that it is about; null for a mere amount
 * @param request.owner the token that the key belongs to; empty for whoever has none
 */
export function refundRequestHash(
  request: {
    orderId: number;
    amountCents: number | null;
    items: RefundItems | null;
    reason: string | null;
    owner: string;
  },
): Uint8Array {
  const { orderId, amountCents, items, reason, owner } = request;
  const head = `${orderId}\n${amountCents}\n${JSON.stringify(reason)}`;
  const text = items === null ? head : `${head}\n${itemsText(items)}`;
  return Uint8Array.fromHex(hash(owner === "" ? text : `${text}\n${owner}`));
}

/** 16 bytes in hexadecimal that are equal for equal texts. */
export function textDigest(text: string): string {
  return hash(text);
}

function itemsText({ lines, adjustments, restock }: RefundItems): string {
  return JSON.stringify([
    lines.map(({ sku, itemId, qty, restock }) => [sku, itemId, qty, restock]),
    adjustments.map(({ kind, amountCents }) => [kind, amountCents]),
    restock,
  ]);
}

/** 16 bytes in hexadecimal that are equal for equal causes of dead letters. */
export function causeHash(group: string, purpose: string): string {
  return hash(`${group}\n${purpose}`);
}

/** SHA-256 over what a request says, in hexadecimal: the same for the same request, however it was written. */
export function requestHash(value: unknown): string {
  return digestOf("sha256", JSON.stringify(value), "hex");
}

/** The first half of SHA-256. In hexadecimal: a digest as a buffer takes four times as long. */
function hash(text: string): string {
  return digestOf("sha256", text, "hex").slice(0, 32);
}
