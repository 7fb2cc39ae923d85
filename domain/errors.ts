/**
 * The one error type that callers are meant to see: a code for programs, a sentence for people.
 *
 * Everything else that is thrown is unexpected, and is answered with a 500 or a retry.
 *
 * @module
 */

/** What went wrong, as a closed list: routes map each code to an HTTP status and a problem type. */
export type ErrorCode =
  | "bad_settings"
  | "bad_usage"
  | "bad_request"
  | "invalid"
  | "not_found"
  | "order_conflict"
  | "product_conflict"
  | "stock_changed"
  | "stock_file_applied"
  | "charge_not_known"
  | "order_not_cancellable"
  | "order_not_editable"
  | "stock_insufficient"
  | "precondition_failed"
  | "precondition_required"
  | "order_not_capturable"
  | "capture_not_total"
  | "order_not_refundable"
  | "order_not_retryable"
  | "customer_not_erasable"
  | "not_yours"
  | "refund_exceeds_left"
  | "refund_not_by_hand"
  | "payment_not_disputed"
  | "chargeback_not_decidable"
  | "discrepancy_not_mendable"
  | "reconciliation_conflict"
  | "dead_letter_decided"
  | "dead_letter_not_retryable"
  | "verification_running"
  | "import_has_no_rejects"
  | "import_not_cancellable"
  | "notification_not_replayable"
  | "channel_not_configured"
  | "webhook_endpoint_conflict"
  | "idempotency_key_in_use"
  | "idempotency_key_reused"
  | "unavailable";

/** One faulty field or row of an input. `at` is a field name, a JSON path or a line. */
export interface Fault {
  /** A field name, a JSON path or a line. */
  at: string;
  /** What is wrong with it, for people. */
  detail: string;
}

/** An expected failure with a sentence fit for the person who caused it. */
export class WorkflowError extends Error {
  /** The name of the class. */
  override name = "WorkflowError";

  /**
   * Makes an error that its cause may read.
   *
   * @param code for programs
   * @param message for people: "Cannot refund order 42: …", without a full stop
   * @param faults every faulty field, where there are several
   */
  constructor(readonly code: ErrorCode, message: string, readonly faults: Fault[] = []) {
    super(message);
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(messageOf).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
