/**
 * Chargebacks as the API shows them.
 *
 * @module
 */

import type { ListedChargeback } from "../../../db/payments/chargeback_list.ts";

/** A chargeback. */
export function chargebackJson(one: ListedChargeback) {
  return {
    id: one.id,
    provider: one.provider,
    provider_ref: one.providerRef,
    charge_ref: one.chargeRef,
    order_id: one.orderId,
    external_order_id: one.externalOrderId,
    payment_id: one.paymentId,
    state: one.state,
    amount_cents: one.amountCents,
    currency: one.currency,
    held_cents: one.heldCents,
    lost_cents: one.lostCents,
    reason: one.reason,
    due_by: one.dueBy,
    opened_at: one.openedAt,
    told_at: one.toldAt,
    lowers_revenue: one.lowersRevenue,
    seen_at: one.seenAt,
    seen_by: one.seenBy,
  };
}
