/**
 * The steps that an order's timeline tells of, but for what is the house's own business.
 *
 * @module
 */

/** What happened to an order, as its timeline names it. */
export type TimelineStep =
  | "created"
  | "updated"
  | "edited"
  | "reserved"
  | "backordered"
  | "retried"
  | "paid"
  | "failed"
  | "cancelled"
  | "payment_authorized"
  | "payment_capture_asked"
  | "payment_released"
  | "payment_late"
  | "payment_disputed"
  | "payment_second"
  | "payment_superseded"
  | "payment_accepted"
  | "payment_given_back"
  | "payment_dismissed"
  | "payment_reversed"
  | "payment_reversal_returned"
  | "payment_by_hand"
  | "payment_returned"
  | "payment_given_twice"
  | "chargeback_opened"
  | "chargeback_updated"
  | "chargeback_closed"
  | "refund_requested"
  | "refund_by_hand"
  | "refund_completed"
  | "refund_refused"
  | "refund_processed"
  | "refund_given_twice"
  | "given_twice_dismissed"
  | "refund_failed"
  | "refund_returned"
  | "customer_erased";
