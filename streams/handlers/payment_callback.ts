/**
 * `payment.callback`, of the `payments` group: the payment provider answers to a charge.
 *
 * @module
 */

import type { CallbackMessage } from "../../domain/messages/messages.ts";
import { settlePayments } from "../payments/settle.ts";
import type { Delivery, HandlerDeps, Outcome } from "../workflow/handler.ts";

/** Settles the orders of a batch by the answers that came as messages, see {@linkcode settlePayments}. */
export function takeCallbacks(
  deps: HandlerDeps,
  deliveries: readonly Delivery<CallbackMessage>[],
): Promise<Outcome[]> {
  return settlePayments(deps, deliveries);
}
