/**
 * The events that the feed and webhooks tell of, and from which step of an order or movement of a product each comes.
 *
 * @module
 */

import type { TimelineStep } from "../order/timeline_step.ts";

/** Every type of event, and what it means. A name that was given out stays. */
export const eventTypes = {
  "order.created": "an order came in",
  "order.changed": "its source changed what the order says",
  "order.reserved": "all its units are set aside for it",
  "order.short": "it ran short of stock: it waits, or failed where failure_reason says so",
  "order.retried": "one that failed for want of stock was taken up again",
  "order.paid": "it came to its end paid",
  "order.failed": "it came to its end unpaid; failure_reason says why",
  "order.cancelled": "it was cancelled",
  "order.settled": "it came to its end, whichever",
  "payment.succeeded": "it was paid",
  "payment.authorized": "its money is held, and waits for its capture",
  "payment.released": "money that was held was let go",
  "payment.declined": "the provider declined the charge",
  "payment.timed_out": "the provider did not answer in time",
  "payment.late": "money came for an order that was over; it goes back",
  "payment.disputed": "another amount came than was asked for; somebody has to decide",
  "payment.second": "it was paid twice; somebody has to decide",
  "payment.superseded": "money came for what it cost before a change; it goes back",
  "payment.accepted": "the other amount was accepted",
  "payment.given_back": "it was decided to give the money back",
  "payment.dismissed": "it was decided that the second payment is none",
  "payment.reversed": "money went back",
  "payment.reversal_returned": "the provider took back what it had given back of a payment",
  "payment.by_hand": "money waits for somebody who gives it back by hand",
  "payment.returned": "somebody has given it back by hand",
  "payment.given_twice": "money went back twice",
  "payment.given_twice_dismissed": "somebody has dealt with that",
  "chargeback.opened": "the customer contests the charge at the bank",
  "chargeback.updated": "the provider says something new of that",
  "chargeback.closed": "it is decided: won, lost, or it came to nothing",
  "refund.requested": "a refund was requested",
  "refund.processed": "the money went back",
  "refund.failed": "the provider refused the refund, or took it back",
  "refund.returned": "the provider took back a refund that was processed; its money is owed again",
  "refund.by_hand": "it waits for somebody who gives the money back by hand",
  "refund.completed": "somebody has given it back by hand",
  "refund.refused": "somebody refused to give it back by hand",
  "refund.given_twice": "the money went back twice",
  "refund.given_twice_dismissed": "somebody has dealt with that",
  "customer.erased": "the person was erased: forget who the order was for",
  "stock.reserved": "an order took units",
  "stock.released": "an order gave its units back",
  "stock.received": "units came in: added, or set to more",
  "stock.corrected": "units were taken off: fewer were counted",
  "stock.returned": "a refund brought units back",
} as const;

/** The type of an event. */
export type EventType = keyof typeof eventTypes;

/** All of them. */
export const eventTypeNames = Object.keys(eventTypes) as [EventType, ...EventType[]];

/** What happened to a product, as its own timeline names it. */
export type MovementStep = "received" | "corrected" | "returned";

/** The events of each step; null where what it comes to depends on more. */
const eventsOf: Readonly<Record<TimelineStep, readonly EventType[] | null>> = {
  created: ["order.created"],
  updated: ["order.changed"],
  edited: ["order.changed"],
  reserved: ["stock.reserved", "order.reserved"],
  backordered: ["order.short"],
  retried: ["order.retried"],
  paid: ["payment.succeeded", "order.paid", "order.settled"],
  failed: null,
  cancelled: null,
  payment_authorized: ["payment.authorized"],
  // Whether it is taken is told by payment.succeeded.
  payment_capture_asked: [],
  payment_released: ["payment.released"],
  payment_late: ["payment.late"],
  payment_disputed: ["payment.disputed"],
  payment_second: ["payment.second"],
  payment_superseded: ["payment.superseded"],
  payment_accepted: ["payment.accepted"],
  payment_given_back: ["payment.given_back"],
  payment_dismissed: ["payment.dismissed"],
  payment_reversed: ["payment.reversed"],
  payment_reversal_returned: ["payment.reversal_returned"],
  payment_by_hand: ["payment.by_hand"],
  payment_returned: ["payment.returned"],
  payment_given_twice: ["payment.given_twice"],
  chargeback_opened: ["chargeback.opened"],
  chargeback_updated: ["chargeback.updated"],
  chargeback_closed: ["chargeback.closed"],
  refund_requested: ["refund.requested"],
  refund_by_hand: ["refund.by_hand"],
  refund_completed: ["refund.completed"],
  refund_refused: ["refund.refused"],
  refund_processed: ["refund.processed"],
  refund_given_twice: ["refund.given_twice"],
  given_twice_dismissed: null,
  refund_failed: ["refund.failed"],
  refund_returned: ["refund.returned", "refund.failed"],
  customer_erased: ["customer.erased"],
};

/** What the events of a step depend on. */
export interface StepFacts {
  /** As the timeline names it; what it names that is nobody else's business has no events. */
  event: string;
  /** Of a failure, its reason. */
  detail: string | null;
  /** Whether the order holds or held units. */
  isReserved: boolean;
  /** Whether it is about a refund. */
  isOfRefund: boolean;
}

/** The events of a step of an order, in their order: what follows from another comes behind it. */
export function eventsOfStep(
  { event, detail, isReserved, isOfRefund }: StepFacts,
): readonly EventType[] {
  const released: readonly EventType[] = isReserved ? ["stock.released"] : [];
  if (event === "cancelled") return [...released, "order.cancelled", "order.settled"];
  if (event === "failed") return [...failureOf(detail, released), "order.failed", "order.settled"];
  if (event === "given_twice_dismissed") {
    return [isOfRefund ? "refund.given_twice_dismissed" : "payment.given_twice_dismissed"];
  }
  return Object.hasOwn(eventsOf, event) ? eventsOf[event as TimelineStep] ?? [] : [];
}

function failureOf(
  reason: string | null,
  released: readonly EventType[],
): readonly EventType[] {
  if (reason === "insufficient_stock") return ["order.short"];
  return [reason === "payment_timeout" ? "payment.timed_out" : "payment.declined", ...released];
}

/**
 * Tells whether somebody has asked for a type of event.
 *
 * @param chosen types, `order.*` for all that begin so, `*` for all
 */
export function isChosen(type: EventType, chosen: readonly string[]): boolean {
  const [kind] = type.split(".");
  return chosen.some((one) => one === type || one === "*" || one === `${kind}.*`);
}

/** True for what {@linkcode isChosen} understands. */
export function isEventChoice(text: string): boolean {
  return text === "*" || Object.hasOwn(eventTypes, text) ||
    (/^[a-z]+\.\*$/.test(text) &&
      eventTypeNames.some((type) => type.startsWith(text.slice(0, -1))));
}
