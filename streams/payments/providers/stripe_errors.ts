/**
 * What errors of Stripe mean: declined, to be tried later, never, or that the customer is needed.
 *
 * @module
 */

import type { Stripe } from "stripe";
import { Busy, Denied, NoAnswer, Refused, Unusable } from "../unanswered.ts";

/** Codes of declines that pass by themselves, so that the same card may be tried again. */
const passing: ReadonlySet<string> = new Set([
  "approve_with_id",
  "issuer_not_available",
  "processing_error",
  "reenter_transaction",
  "try_again_later",
]);

/** The parts of an error that are looked at. */
interface StripeFault {
  statusCode?: number;
  code?: string;
  type?: string;
  message: string;
  payment_intent?: Stripe.PaymentIntent;
}

/** True of what the package throws for an answer of Stripe, or for none. */
function isStripeFault(error: unknown): error is StripeFault {
  return error instanceof Error && "type" in error && String(error.type).startsWith("Stripe");
}

/** The intent that a card's error is about; undefined for any other error. */
export function intentOf(error: unknown): Stripe.PaymentIntent | undefined {
  return isStripeFault(error) && error.statusCode === 402 ? error.payment_intent : undefined;
}

/** Whether a payment failed by something that passes. */
export function isPassing(
  error: Pick<Stripe.PaymentIntent.LastPaymentError, "code" | "decline_code"> | null | undefined,
): boolean {
  return passing.has(error?.decline_code ?? "") || passing.has(error?.code ?? "");
}

/** What a thrown error says, in the words of `unanswered.ts`; anything that Stripe did not say is left as it is. */
export function saidOf(error: unknown): unknown {
  if (!isStripeFault(error)) return error;
  const { statusCode, code = null, message } = error;
  const said = message.replaceAll(/\s+/g, " ");
  const settings = "STRIPE_SECRET_KEY";
  switch (statusCode) {
    case undefined:
      return new NoAnswer(said);
    case 400:
      // Under this key something else was asked for: nobody knows what became of that.
      if (error.type === "StripeIdempotencyError") {
        return new Unusable(`the provider says: ${said}`);
      }
      if (code === "rate_limit") return new NoAnswer(said);
      return new Refused(`${code ?? statusCode} ${said}`, code);
    case 401:
      return new Denied(`it answered 401: ${said}`, { settings });
    case 402:
      return new Refused(`${code ?? statusCode} ${said}`, code);
    case 403:
      return new Denied(`it answered 403: ${said}`, { settings, ifAlone: `403 ${said}` });
    case 404:
      return new Refused(`${code ?? statusCode} ${said}`, code);
    case 409:
      return new Busy(`it answered 409: ${said}`);
    case 429:
      // Another request holds the same object, which is no sign that Stripe is busy.
      return code === "lock_timeout" ? new Busy(said) : new NoAnswer("it answered 429");
    default:
      return new NoAnswer(`it answered ${statusCode}`);
  }
}
