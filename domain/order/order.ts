/**
 * The life of an order and of a refund, as one table each.
 *
 * @module
 */

/** Where an order stands. */
export type OrderStatus = "PENDING" | "RESERVED" | "PAID" | "FAILED" | "CANCELLED";

/** Why an order failed. */
export type FailureReason = "insufficient_stock" | "payment_declined" | "payment_timeout";

/** What can happen to an order. */
export type OrderEvent =
  | "reserve"
  | "run_short"
  | "pay"
  | "decline"
  | "time_out"
  | "cancel"
  | "retry";

/** Stands in `payments.provider` of an order that costs nothing: no provider was asked, and none ever is. */
export const noProvider = "none";

/** Where a refund stands. */
export type RefundStatus = "REQUESTED" | "PROCESSED" | "FAILED";

/** What can happen to a refund. */
export type RefundEvent = "process" | "refuse" | "return";

/**
 * Every transition there is. Decisions ask it whether something can happen, and the statements that write it take
 * their guards from it, so what is not here can't be written.
 */
export const orderTransitions: Readonly<
  Record<OrderStatus, Partial<Record<OrderEvent, OrderStatus>>>
> = {
  PENDING: { reserve: "RESERVED", run_short: "FAILED", cancel: "CANCELLED" },
  RESERVED: { pay: "PAID", decline: "FAILED", time_out: "FAILED", cancel: "CANCELLED" },
  PAID: {},
  // Only where it failed for want of stock, see retriedReason.
  FAILED: { retry: "PENDING" },
  CANCELLED: {},
};

/** Every transition of a refund, in the same way. */
export const refundTransitions: Readonly<
  Record<RefundStatus, Partial<Record<RefundEvent, RefundStatus>>>
> = {
  REQUESTED: { process: "PROCESSED", refuse: "FAILED" },
  // The provider takes back what it has made: the customer's bank had no account of theirs any more.
  PROCESSED: { return: "FAILED" },
  FAILED: {},
};

/** Why an order fails by an event; the others don't fail it. */
export const failureReasons: Readonly<Partial<Record<OrderEvent, FailureReason>>> = {
  run_short: "insufficient_stock",
  decline: "payment_declined",
  time_out: "payment_timeout",
};

/** The reason for which an order must have failed to be taken up again. */
export const retriedReason: FailureReason = "insufficient_stock";

/** The states in which an event can happen, and the one that it leads to. */
export interface Transition<Status> {
  /** In the order of the table. */
  from: Status[];
  /** The same from all of them. */
  to: Status;
}

/** What an event does, as {@linkcode orderTransitions} says. */
export function orderTransition(event: OrderEvent): Transition<OrderStatus> {
  return transitionOf(orderTransitions, event);
}

/** What an event does, as {@linkcode refundTransitions} says. */
export function refundTransition(event: RefundEvent): Transition<RefundStatus> {
  return transitionOf(refundTransitions, event);
}

function transitionOf<Status extends string, Event extends string>(
  transitions: Readonly<Record<Status, Partial<Record<Event, Status>>>>,
  event: Event,
): Transition<Status> {
  const states = Object.keys(transitions) as Status[];
  const from = states.filter((state) => transitions[state][event] !== undefined);
  const ends = new Set(from.map((state) => transitions[state][event]!));
  const [to] = ends;
  if (to === undefined || ends.size > 1) throw new Error(`"${event}" leads to ${ends.size} states`);
  return { from, to };
}

/** True once nothing more happens to the order by itself; a person may have it taken up again. */
export function isSettled(status: OrderStatus): boolean {
  return Object.keys(orderTransitions[status]).every((event) => event === "retry");
}

/** An order as its row says, without its items. */
export interface OrderFacts {
  /** Database id. */
  id: number;
  /** Database id of the customer. */
  customerId: number;
  /** Where it stands. */
  status: OrderStatus;
  /** Null unless it is `FAILED`. */
  failureReason: FailureReason | null;
  /** ISO 4217, upper case. */
  currency: string;
  /** Sum of its items. */
  totalCents: number;
  /** What went back so far, at most the total. */
  refundedCents: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS.ffffff`; null until settled. */
  settledAt: string | null;
  /** Its source said that it is paid: its payment is recorded, and it is never charged. */
  paidAtSource?: true;
  /** Its latest row in `order_retries`; missing where it was never taken up again. */
  retryId?: number;
  /** True while it is `PENDING` and waits for stock; else missing. */
  backordered?: true;
  /** How often its content was changed since it was taken; left out for never. */
  revision?: number;
}

/**
 * An order after an event.
 *
 * @param now when it happened: the database's clock, UTC
 * @throws {Error} where it can't happen in the order's state
 */
export function orderAfter(order: OrderFacts, event: OrderEvent, now: string): OrderFacts {
  const status = orderTransitions[order.status][event];
  if (status === undefined || (event === "retry" && order.failureReason !== retriedReason)) {
    throw new Error(`Cannot ${event} order ${order.id}: it is ${order.status}`);
  }
  const { backordered: _, ...rest } = order;
  return {
    ...rest,
    status,
    failureReason: failureReasons[event] ?? null,
    settledAt: isSettled(status) ? now : null,
  };
}

/** Units of one product that an order asks for, all of its items of that product taken together. */
export interface ItemNeed {
  /** Database id of the product. */
  productId: number;
  /** Units, at least 1. */
  qty: number;
}
