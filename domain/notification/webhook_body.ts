/**
 * What receivers of webhooks read. The typed client hands these types out as they stand, so they name nothing of this project.
 *
 * @module
 */

/** The body of a webhook about an order or a refund. */
export interface NotificationWebhook {
  /** What happened. */
  type: "order.paid" | "order.failed" | "order.cancelled" | "refund.processed" | "refund.failed";
  /** When, ISO 8601 in UTC. */
  timestamp: string;
  data: NotificationData;
}

/** What a webhook says of its order; amounts in minor units of the currency. */
export interface NotificationData {
  notification_id: number;
  order_id: number;
  /** The shop's own name for the order. */
  external_order_id: string;
  /** The shop's own name for the customer; null of a guest. */
  customer_id: string | null;
  /** The refund that it is about; null where it is about the order. */
  refund_id: number | null;
  status: "PENDING" | "RESERVED" | "PAID" | "FAILED" | "CANCELLED";
  failure_reason: "insufficient_stock" | "payment_declined" | "payment_timeout" | null;
  /** What an order that failed for want of stock lacked. */
  shortages?: { sku: string; missing_qty: number }[];
  /** ISO 4217. */
  currency: string;
  /** What it is about: the order's total or the refund's amount. */
  amount_cents: number;
  total_cents: number;
  payment_status: "due" | "paid" | "none";
  items_cents: number;
  item_count: number;
  /** The first twenty. */
  items: {
    id: number;
    sku: string;
    name: string;
    unit_price_cents: number;
    qty: number;
    subtotal_cents: number;
  }[];
  adjustment_count: number;
  /** The first twenty. */
  adjustments: {
    id: number;
    kind: string;
    label: string | null;
    amount_cents: number;
    included: boolean;
  }[];
  /** How many lines the refund has; the first twenty stand in `refund_lines`. */
  refund_line_count?: number;
  refund_lines?: {
    item_id: number;
    sku: string;
    name: string;
    qty: number;
    amount_cents: number;
    restocked: boolean;
  }[];
  refund_adjustments?: { kind: string; amount_cents: number }[];
}
