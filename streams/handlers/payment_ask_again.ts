/**
 * `payment.ask_again`, of the `payments` group: asks once more about orders whose reservation has expired.
 *
 * @module
 */

import type { AskAgainMessage, Subject } from "../../domain/messages/messages.ts";
import { chargeOrders } from "../payments/charge_orders.ts";
import { secondAnswerMs } from "../payments/gateway.ts";
import type { Delivery, HandlerDeps, Outcome } from "../workflow/handler.ts";
import type { Enqueued } from "../workflow/publish.ts";

/**
 * Asks once more, under the same keys, for the money of orders whose reservation has expired without an
 * answer. What gets no answer that settles it is scheduled to fail, whatever the reason is: a reservation ends in
 * its time also where the gateway refuses or can't be asked.
 */
export function askAgain(
  deps: HandlerDeps,
  deliveries: readonly Delivery<AskAgainMessage>[],
): Promise<Outcome[]> {
  const delayMs = Math.min(secondAnswerMs, deps.reservationTtlSeconds * 1_000);
  const timeOut = ({ orderId, amountCents, currency }: Subject): Enqueued => ({
    message: { type: "payment.time_out", orderId, amountCents, currency },
    delayMs,
    // What was asked just before the message was reclaimed has to be asked about by somebody.
    evenIfLost: true,
  });
  return chargeOrders(deps, deliveries, { askedBefore: () => true, timeOut });
}
