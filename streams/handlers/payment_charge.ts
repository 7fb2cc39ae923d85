/**
 * `payment.charge`, of the `payments` group: asks the gateway for the money of reserved orders.
 *
 * @module
 */

import type { ChargeFacts } from "../../db/orders/orders.ts";
import type { ChargeMessage } from "../../domain/messages/messages.ts";
import { allGateways } from "../payments/gateway.ts";
import { chargeOrders } from "../payments/charge_orders.ts";
import type { Delivery, HandlerDeps, Outcome } from "../workflow/handler.ts";

/**
 * Charges the reserved orders of a batch, and settles those whose answer the gateway gives at once. Orders
 * that have ended meanwhile are not charged, but their money may have been taken before: see
 * {@linkcode askAboutEnded}.
 *
 * Nothing but the keys is written before the answers are there: a key makes asking again the same charge,
 * so a crash before or after the call is repaired by asking again.
 */
export async function chargePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ChargeMessage>[],
): Promise<Outcome[]> {
  const again = new Set(
    deliveries.filter(({ attempt }) => attempt > 1).map(({ message }) => message.orderId),
  );
  // A message that comes from a dead letter or from the database counts its attempts anew, and a row that was lost and
  // sent again is as young as its new reservation.
  const canTell = allGateways(deps).some(({ status }) => status !== undefined);
  const mayBeForgotten = ({ isOld }: ChargeFacts) => canTell && isOld;
  return await chargeOrders(deps, deliveries, {
    askedBefore: (order) => again.has(order.id) || mayBeForgotten(order),
  });
}
