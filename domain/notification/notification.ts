/**
 * What customers are told of, and under which name it stands in the history. A name together with the
 * order and the channel is the once-key of a notification.
 *
 * @module
 */

import type { OrderStatus, RefundStatus } from "../order/order.ts";

/**
 * Where notifications go: `log` is the history itself, where writing is the sending; `email` and `webhook`
 * are sent afterwards.
 */
export const notificationChannels = ["log", "email", "webhook"] as const;

/** One of {@linkcode notificationChannels}. */
export type NotificationChannel = typeof notificationChannels[number];

/** What the history says of a notification that could not be sent for want of an address. */
export const noAddressError = "no e-mail address";

/** A channel whose notifications leave the process. */
export type OutwardChannel = Exclude<NotificationChannel, "log">;

/** Every {@linkcode OutwardChannel}. */
export const outwardChannels = ["email", "webhook"] as const satisfies readonly OutwardChannel[];

/** Names of the events that end an order; null where there is nothing to tell yet. */
const orderEvents: Readonly<Record<OrderStatus, string | null>> = {
  PENDING: null,
  RESERVED: null,
  PAID: "order.paid",
  FAILED: "order.failed",
  CANCELLED: "order.cancelled",
};

/** What the names of the events that end a refund begin with; the refund's id follows. */
const refundEvents: Readonly<Record<RefundStatus, string | null>> = {
  REQUESTED: null,
  PROCESSED: "refund.processed:",
  FAILED: "refund.failed:",
};

/**
 * `order.paid`, `order.failed` or `order.cancelled`; null while the order is not settled. An order that was taken up
 * again can fail more than once: after the second time, `order.failed:2`.
 *
 * @param retries how often it was taken up again
 */
export function orderEventName(status: OrderStatus, retries = 0): string | null {
  const event = orderEvents[status];
  return status === "FAILED" && retries > 0 ? `${event}:${retries}` : event;
}

/** The states of orders of which there is something to tell, with the names of the events. */
export const orderEnds: readonly [OrderStatus, string][] = Object.entries(orderEvents).filter(
  (entry): entry is [OrderStatus, string] => entry[1] !== null,
);

/** `refund.processed:17` or `refund.failed:17`; null while the refund is not finished. */
export function refundEventName(refundId: number, status: RefundStatus): string | null {
  const start = refundEvents[status];
  return start === null ? null : `${start}${refundId}`;
}

/**
 * What became of a notification: `logged` is a row of the history, of which nobody has heard; for `no_address` there was
 * nobody to send it to, and nobody tries; the others left the process or are to. One that is sent again waits although
 * it was sent before.
 */
export const notificationStates = ["logged", "sent", "waiting", "given_up", "no_address"] as const;

/** One of {@linkcode notificationStates}. */
export type NotificationState = typeof notificationStates[number];

/**
 * What became of a notification.
 *
 * @param facts.isDue somebody is still to send it
 * @param facts.lacksAddress there was no address to send it to
 */
export function notificationState(
  { channel, success, isDue, lacksAddress }: {
    channel: string;
    success: boolean;
    isDue: boolean;
    lacksAddress: boolean;
  },
): NotificationState {
  if (channel === "log") return "logged";
  if (isDue) return "waiting";
  if (lacksAddress) return "no_address";
  return success ? "sent" : "given_up";
}
