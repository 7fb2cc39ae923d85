/**
 * Which order's word counts for a customer's address or a product's name and price.
 *
 * @module
 */

import type { IncomingOrder } from "./incoming_order.ts";

/** What orders say of a customer. */
export interface CustomerText {
  /** Where the customer is reached; empty where the order does not say. */
  email: string;
  /** For people. */
  name: string;
}

/** What orders say of a product. */
export interface ProductText {
  /** For people. */
  name: string;
  /** Price of one unit. */
  priceCents: number;
}

/** A description, and the order that it is from. */
export interface Described<T> {
  /** What the order says. */
  text: T;
  /** See {@linkcode describedBy}. */
  by: string;
}

/** An order as text that compares as the orders follow each other: by time, then by id. */
export function describedBy(order: Pick<IncomingOrder, "placedAt" | "externalOrderId">): string {
  // Joined, because the text of an order may be part of a whole piece of a file and this is kept for long.
  return [order.placedAt, order.externalOrderId].join(" ");
}

/**
 * The one of two descriptions that counts: the later order's; within one order, where rows may differ,
 * an arbitrary one that does not depend on the order of the rows.
 */
export function laterDescription<T>(a: Described<T> | undefined, b: Described<T>): Described<T> {
  if (a === undefined) return b;
  const order = compareText(a.by, b.by);
  if (order !== 0) return order > 0 ? a : b;
  return compareText(JSON.stringify(a.text), JSON.stringify(b.text)) >= 0 ? a : b;
}

const surrogate = /[\ud800-\udfff]/;

/** Compares by characters (code points), as the database does under a binary collation. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const order = a < b ? -1 : 1;
  // Strings compare by units of UTF-16. That is the same unless a surrogate, which stands for a character
  // beyond all others of one unit, is found less than one of those.
  if (!surrogate.test(order < 0 ? a : b)) return order;
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return rank(a, at) - rank(b, at);
}

function rank(text: string, at: number): number {
  if (at >= text.length) return -1;
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
