/**
 * Examples for the OpenAPI document: problems.
 *
 * @module
 */

import { type ErrorCode, type Fault, WorkflowError } from "../../../domain/errors.ts";
import { httpProblemOf, type Problem, problemOf } from "../../middleware/problem.ts";

/** A problem that is about HTTP alone. */
type HttpProblem = 400 | 401 | 403 | 404 | 408 | 413 | 415 | 429 | 500;

/** What a problem is called here: its code, or its status where it is about HTTP alone. */
export type ProblemName = Exclude<ErrorCode, "bad_settings" | "bad_usage"> | HttpProblem;

const said: Readonly<Record<Extract<ProblemName, string>, [detail: string, ...faults: Fault[]]>> = {
  bad_request: ["The query is not valid: limit must be an integer 1…100", {
    at: "limit",
    detail: "must be an integer 1…100",
  }],
  invalid: ["The body is not valid: #/items/0/qty must be an integer 1…1000000", {
    at: "#/items/0/qty",
    detail: "must be an integer 1…1000000",
  }],
  not_found: ["There is no order 42"],
  order_conflict: ['Order "web-1" is known with another content'],
  product_conflict: ['Product "MUG" is known with another price_cents'],
  stock_changed: ["Cannot change MUG: it has changed since you looked, and has 48 units now"],
  stock_file_applied: [
    "Cannot add the units of march.csv: a file of the same content was applied on 2026-03-31 08:00:00 UTC by " +
    "api:warehouse; --again (again=true over HTTP) adds them once more",
  ],
  charge_not_known: ["No order is known that was charged under this key; send it again later"],
  order_not_cancellable: ["Cannot cancel order 42: it is PAID already"],
  order_not_capturable: ["Cannot capture the money of order 42: no money is held for it"],
  capture_not_total: [
    "Cannot capture 10.00 EUR for order 42: its total is 25.00 EUR; change the order first, and the new total is held instead",
  ],
  order_not_editable: [
    "Cannot edit order 42: it is PAID already; refund what is too much by its lines " +
    "with POST /orders/42/refunds, and place what comes on top as an order of its own",
  ],
  stock_insufficient: ["Cannot edit order 42: MUG is short: 3 more are needed, and 1 is left", {
    at: "#/items/0/qty",
    detail: "MUG is short: 3 more are needed, and 1 is left",
  }],
  precondition_failed: [
    'Cannot edit order 42: it is at "1-7d865e959b2466f1" by now; GET /orders/42 has it as it is',
  ],
  precondition_required: [
    "If-Match is missing: send the ETag that GET /orders/42 answers with, so that nobody's change is undone unseen",
  ],
  not_yours: [
    "Cannot cancel order 42: another token has brought it, so this needs the scope cancel",
  ],
  order_not_retryable: [
    "Cannot retry order 42: its payment was declined, and only what ran short of stock can be",
  ],
  customer_not_erasable: [
    "Cannot erase customer 7: order 42 is not settled: let it end, or cancel it",
    { at: "order 42", detail: "is not settled: let it end, or cancel it" },
  ],
  order_not_refundable: [
    "Cannot refund order 42: it is PENDING, and only PAID orders can be refunded",
  ],
  refund_exceeds_left: ["Cannot refund order 42: 50.00 EUR exceed the 25.00 EUR that are left"],
  refund_not_by_hand: [
    "Cannot decide about refund 17 by hand: it goes back through its provider",
  ],
  payment_not_disputed: ["Cannot decide about the payment of order 42: none is in dispute"],
  chargeback_not_decidable: [
    "Cannot decide about chargeback 3: it ended otherwise before: lost",
  ],
  reconciliation_conflict: [
    "Cannot take reconciliation 3 back: discrepancies of it are being mended: 7",
  ],
  discrepancy_not_mendable: ["Cannot mend discrepancy 7: it is mended already"],
  import_has_no_rejects: ["Import 7 has no rejects file, because it is RUNNING"],
  dead_letter_decided: ["Cannot retry dead letter 7: it is DISCARDED already"],
  dead_letter_not_retryable: [
    'Cannot retry dead letter 7: there is no field "message"; it can only be discarded',
  ],
  verification_running: ["Another verification is running; try again when it has ended"],
  import_not_cancellable: ["Cannot cancel import 7: it is DONE already"],
  webhook_endpoint_conflict: [
    "Cannot add the endpoint: endpoint 3 has this URL",
  ],
  notification_not_replayable: [
    "Cannot send notification 9 again: it is being sent at this moment",
  ],
  channel_not_configured: ["Cannot enable webhook: NOTIFY_WEBHOOK_URL is not set"],
  idempotency_key_in_use: [
    "A request with this idempotency key is still running; try again later",
  ],
  idempotency_key_reused: ["The idempotency key has been used with another request"],
  unavailable: ["An engine cannot be reached; try again later"],
};

const saidByHttp: Readonly<Record<HttpProblem, string>> = {
  400: "The body ended too early",
  401: "This needs a token: Authorization: Bearer …",
  403: "This needs the scope orders",
  404: "There is nothing at /payments/callback",
  408: "The body did not come in time",
  413: "The body must have at most 1048576 bytes",
  415: "The body must be application/json, not text/plain",
  429: "shop has made more than 600 requests a minute",
  500: "An unexpected error; the log has it under 5f1c…",
};

/** A problem of this name. */
export function problemExample(name: ProblemName): Problem {
  if (typeof name === "number") return httpProblemOf(name, saidByHttp[name]);
  const [detail, ...faults] = said[name];
  return problemOf(new WorkflowError(name, detail, faults));
}
