/**
 * Stripe's disputes as chargebacks.
 *
 * @module
 */

import type { Stripe } from "stripe";
import { type ChargebackState, chargebackStateNames } from "../../../domain/payment/chargeback.ts";
import type { ProviderChargeback } from "../provider.ts";
import { fromStripe } from "./stripe_amounts.ts";

/**
 * A dispute as an event shows it, which is how it was when the event was made: what is withdrawn, updated and reinstated is
 * told by its status.
 *
 * @param createdSeconds when the event was made, in seconds since 1970
 */
export function chargebackOf(dispute: Stripe.Dispute, createdSeconds: number): ProviderChargeback {
  const { id, amount, reason, evidence_details: { due_by: due } } = dispute;
  const currency = dispute.currency.toUpperCase();
  return {
    ref: id,
    // Our charges are called by their intents, and those that shops made elsewhere may be by the charges.
    chargeRefs: [dispute.payment_intent, dispute.charge].flatMap((one) => {
      return typeof one === "string" ? one : one?.id ?? [];
    }),
    state: stateOf(dispute),
    amountCents: fromStripe(amount, currency),
    currency,
    reason,
    // 0 where the bank takes no answer.
    dueBy: due === null || due === 0 ? null : new Date(due * 1_000),
    openedAt: new Date(dispute.created * 1_000),
    happenedAt: new Date(createdSeconds * 1_000),
  };
}

/** Stripe's words are ours, but for what follows a loss and what never came to be one. */
function stateOf(dispute: Stripe.Dispute): ChargebackState {
  switch (dispute.status) {
    case "appeal_needs_response":
      return "needs_response";
    case "appeal_under_review":
      return "under_review";
    case "prevented":
      // Some are settled by giving the customer the money, and none of it comes back.
      return withdrawn(dispute) < 0 ? "lost" : "prevented";
  }
  // Of a word that Stripe has only now: better that somebody looks than that nobody does.
  return chargebackStateNames.find((name) => name === dispute.status) ?? "needs_response";
}

/** What the dispute has moved on our balance so far, below zero for what was taken. */
function withdrawn({ balance_transactions: moves }: Stripe.Dispute): number {
  return moves.reduce((sum, { amount }) => sum + amount, 0);
}
