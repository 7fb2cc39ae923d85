/**
 * What receivers of webhooks read. The typed client hands these types out as they stand, so they name nothing of this project.
 *
 * @module
 */

/** The body of any webhook; `type` tells which. */
export type Webhook = NotificationWebhook | AlertWebhook;

/** The body of a webhook about the service itself, for whoever runs it. */
export interface AlertWebhook {
  /** What became of the alert. */
  type: "alert.raised" | "alert.resolved";
  /** When, ISO 8601 in UTC. */
  timestamp: string;
  /** The alert. */
  data: {
    /** Which check it is of. */
    name: string;
    /** How bad it is. */
    severity: "warning" | "critical";
    /** One sentence. */
    title: string;
    /** What is known of it. */
    detail: string;
    /** Since when it is so, ISO 8601 in UTC. */
    since: string;
    /** When it was told, likewise. */
    raised_at: string | null;
    /** When it was over, likewise; null while it is not. */
    resolved_at: string | null;
  };
}

/** The body of a webhook about an order or a refund. */
export interface NotificationWebhook {
  /** What happened. */
  type: "order.paid" | "order.failed" | "order.cancelled" | "refund.processed" | "refund.failed";
  /** When, ISO 8601 in UTC. */
  timestamp: string;
  /** What it is about. */
  data: NotificationData;
}

/** What a webhook says of its order; amounts in minor units of the currency. */
export interface NotificationData {
  /** Of the row in the history; `webhook-id` is made of it. */
  notification_id: number;
  /** The order's id here. */
  order_id: number;
  /** The shop's own name for the order. */
  external_order_id: string;
  /** The shop's own name for the customer; null of a guest. */
  customer_id: string | null;
  /** The refund that it is about; null where it is about the order. */
  refund_id: number | null;
  /** The order's, when the notification was written. */
  status: "PENDING" | "RESERVED" | "PAID" | "FAILED" | "CANCELLED";
  /** Why the order failed; null of all others. */
  failure_reason: "insufficient_stock" | "payment_declined" | "payment_timeout" | null;
  /** What an order that failed for want of stock lacked. */
  shortages?: { sku: string; missing_qty: number }[];
  /** ISO 4217. */
  currency: string;
  /** What it is about: the order's total or the refund's amount. */
  amount_cents: number;
  /** The order's total, in minor units. */
  total_cents: number;
  /** How the order stands at its source. */
  payment_status: "due" | "paid" | "none";
  /** Sum of all items, in minor units. */
  items_cents: number;
  /** How many items the order has in all. */
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
  /** How many adjustments the order has in all. */
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
  /** The first units that a refund is for; only of refunds. */
  refund_lines?: {
    item_id: number;
    sku: string;
    name: string;
    qty: number;
    amount_cents: number;
    restocked: boolean;
  }[];
  /** Parts of what was charged beside the items; only of refunds. */
  refund_adjustments?: { kind: string; amount_cents: number }[];
}
