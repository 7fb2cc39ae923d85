/**
 * What an event says. The typed client hands these types out as they stand, so they name nothing of this project.
 *
 * @module
 */

/** The body of a webhook to an endpoint of `/webhook-endpoints`: an event of the feed, or a test. */
export type EndpointWebhook = FeedEvent | WebhookTest;

/** An event of the feed. */
export type FeedEvent = OrderEvent | StockEvent;

/** A test of an endpoint: nothing happened. */
export interface WebhookTest extends AnyEvent {
  /** What it is. */
  type: "webhook.test";
  /** What it is about. */
  data: {
    /** The endpoint's id. */
    endpoint_id: number;
  };
}

/** What every event says. */
export interface AnyEvent {
  /** The same whenever and however the event is told: whoever has seen it needs to do nothing. */
  id: string;
  /** When it happened, ISO 8601 in UTC. */
  timestamp: string;
  /** Grows from step to step of an order; events of one step have the same. Of units without an order counted apart; of a test 0. */
  sequence: number;
}

/** An event of an order, its payment, a refund of it, or of whom it was for. */
export interface OrderEvent extends AnyEvent {
  /** What happened. */
  type: `order.${string}` | `payment.${string}` | `refund.${string}` | `customer.${string}`;
  /** What it is about. */
  data: OrderEventData;
}

/** An event of products' units. */
export interface StockEvent extends AnyEvent {
  /** What happened. */
  type: `stock.${string}`;
  /** What it is about. */
  data: StockEventData;
}

/** The order of an event; amounts in minor units of the currency, as they are when the event is read. */
export interface OrderEventData {
  /** The order's id here. */
  order_id: number;
  /** The shop's own name for the order. */
  external_order_id: string;
  /** The shop's own name for the customer; null of a guest, and of somebody who was erased. */
  customer_id: string | null;
  /** The refund that it is about; null where it is about the order. */
  refund_id: number | null;
  /** Why the order failed, of the events that tell so; null of all others. */
  failure_reason: "insufficient_stock" | "payment_declined" | "payment_timeout" | null;
  /** ISO 4217. */
  currency: string;
  /** The refund's amount, or else the order's total. */
  amount_cents: number;
  /** The order's total. */
  total_cents: number;
}

/** The units of an event. */
export interface StockEventData {
  /** The order that took them or gave them back; null where there is none. */
  order_id: number | null;
  /** The refund that brought them back; null where there is none. */
  refund_id: number | null;
  /** How many items it is about in all. */
  item_count: number;
  /** The first twenty. */
  items: {
    sku: string;
    /** By how many the units changed that can be reserved. */
    qty: number;
    /** How many there were afterwards; null of an order, which does not say. */
    stock_qty: number | null;
  }[];
}
