/**
 * What is told about an order or a refund, whatever the channel.
 *
 * @module
 */

import type { FailureReason, OrderStatus } from "./order.ts";

/** What may have happened. */
export type NoticeType =
  | "order.paid"
  | "order.failed"
  | "order.cancelled"
  | "refund.processed"
  | "refund.failed";

/** A notification that is to be sent. What it says is what was true when it was written. */
export interface Notice {
  /** Of its row in the history. */
  id: number;
  type: NoticeType;
  orderId: number;
  externalOrderId: string;
  refundId: number | null;
  customer: { externalId: string; email: string; name: string };
  /** The order's. */
  status: OrderStatus;
  /** Why the order failed. */
  failureReason: FailureReason | null;
  currency: string;
  /** What it is about: the order's total or the refund's amount. */
  amountCents: number;
  /** The order's total. */
  totalCents: number;
  /** When it was written, ISO 8601 in UTC. */
  createdAt: string;
}

/** What an event's name says without the id that may follow: `refund.processed` of `refund.processed:17`. */
export function noticeTypeOf(event: string): NoticeType {
  return event.split(":")[0] as NoticeType;
}

/** The notification's name to receivers: the same for every try and every replay, so they can drop it. */
export function noticeName(id: number): string {
  return `ntf_${id}`;
}

const formats = new Map<string, Intl.NumberFormat>();

/** `€12.50`; every currency has two places, because every amount is in cents. */
export function formatAmount(cents: number, currency: string): string {
  let format = formats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      minimumFractionDigits: 2,
      maximumFractionDigits: 2,
    });
    formats.set(currency, format);
  }
  return format.format(cents / 100);
}
