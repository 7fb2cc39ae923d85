/**
 * What a payment provider is asked for.
 *
 * @module
 */

import type { PaymentInstructions } from "../../domain/payment/payment_instructions.ts";

/** Money to take, or to refund. */
export interface GatewayRequest {
  orderId: number;
  /** The shop's own id of the order: what its row is called after it was lost and sent again. */
  reference: string;
  amountCents: number;
  currency: string;
  /** The same key is the same money, however often it is asked for; empty for one that ignores keys. */
  idempotencyKey: string;
  /** Of a charge: what it is to be paid with, where the order says it. */
  instructions?: PaymentInstructions;
  /** Of a charge: which installation asks, see `installationTag` of `domain/payment/payment_key.ts`. */
  installation?: string;
  /** Of a charge: hold the money, and take it by a request of its own; left out for at once. */
  capture?: "later";
  /** Of a charge: it may have been asked for before, perhaps so long ago that its key is forgotten. */
  askedBefore?: true;
  /** Of a charge: its key is made of a row id, as before there were others. */
  underOldKey?: true;
  /** Of a charge: an edit of its order has superseded an earlier one, so that its answer has to name the key. */
  afterEdit?: true;
  /** Of a refund: the provider's own name for the charge that took it. */
  chargeRef?: string;
  /** Of a refund: all that the charge took, in minor units of the currency. */
  chargeCents?: number;
  /** Of a refund that is looked up: how much it was asked to be of nobody here knows any more, so it may be of any amount. */
  ofAnyAmount?: true;
}
