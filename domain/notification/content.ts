/**
 * What is told about an order or a refund, whatever the channel.
 *
 * @module
 */

import type { FailureReason, OrderStatus } from "../order/order.ts";
import type { OrderLines } from "../order/order_lines.ts";
import type { PaymentStatus } from "../order/source_payment.ts";
import type { RefundAdjustment } from "../refund/refund_items.ts";

/** What may have happened. */
export type NotificationType =
  | "order.paid"
  | "order.failed"
  | "order.cancelled"
  | "refund.processed"
  | "refund.failed";

/** A notification that is to be sent. What it says is what was true when it was written. */
export interface Notification {
  /** Of its row in the history. */
  id: number;
  /** What happened. */
  type: NotificationType;
  /** Database id of the order. */
  orderId: number;
  /** The shop's own name for the order. */
  externalOrderId: string;
  /** Database id of the refund that it is about; null where it is about the order. */
  refundId: number | null;
  /**
   * Who is told: whom the order was placed for, and the shop's own name for the customer, null of a guest. Without an
   * address, nobody.
   */
  customer: { externalId: string | null; email: string | null; name: string };
  /** The order's. */
  status: OrderStatus;
  /** Why the order failed. */
  failureReason: FailureReason | null;
  /** What an order that failed for want of stock lacked, in the order of SKUs; missing of others. */
  shortages?: readonly { sku: string; missingQty: number }[];
  /** ISO 4217, upper case. */
  currency: string;
  /** What it is about, in minor units: the order's total or the refund's amount. */
  amountCents: number;
  /** The order's total. */
  totalCents: number;
  /** How the order stands at its source. */
  paymentStatus: PaymentStatus;
  /** What the order's total is made of at the moment: products may be called otherwise at the next try. */
  lines: OrderLines;
  /** What its refund is for; missing where it is about the order, empty where the refund is of a mere amount. */
  refund?: RefundLines;
  /** When it was written, ISO 8601 in UTC. */
  createdAt: string;
}

/** What a refund is for, with its first lines: it may be for each of ten thousand. */
export interface RefundLines {
  /** The first, at most `maxLines`, each with what the product is called now. */
  lines: readonly {
    itemId: number;
    sku: string;
    name: string;
    qty: number;
    amountCents: number;
    restocked: boolean;
  }[];
  /** How many lines the refund has in all. */
  lineCount: number;
  /** Parts of what was charged beside the items. */
  adjustments: readonly RefundAdjustment[];
}

/** What an event's name says without the id that may follow: `refund.processed` of `refund.processed:17`. */
export function notificationTypeOf(event: string): NotificationType {
  return event.split(":")[0] as NotificationType;
}

/** The notification's name to receivers: the same for every try and every replay, so they can drop it. */
export function notificationName(id: number): string {
  return `ntf_${id}`;
}
