/**
 * A recorded payment as the answer that it was recorded by.
 *
 * @module
 */

import type { CallbackMessage } from "../messages/messages.ts";

/** Money that was recorded for an order. */
export interface AnsweredPayment {
  /** Database id of the order. */
  orderId: number;
  /** Name of the provider that has the money. */
  provider: string;
  /** The provider's own name for the charge. */
  providerRef: string;
  /** What was really taken, in minor units. */
  amountCents: number;
  /** ISO 4217; null where it is the order's. */
  currency: string | null;
}

/**
 * The provider's answer that a payment was recorded by.
 *
 * @param currency the order's
 */
export function answerOf(payment: AnsweredPayment, currency: string): CallbackMessage {
  return {
    type: "payment.callback",
    orderId: payment.orderId,
    amountCents: payment.amountCents,
    currency: payment.currency ?? currency,
    outcome: "succeeded",
    provider: payment.provider,
    providerRef: payment.providerRef,
  };
}
