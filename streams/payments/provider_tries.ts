/**
 * What is told of each try to move money: what the provider answered, or that it did not.
 *
 * @module
 */

import type { PaymentTry, TryOutcome } from "../../domain/payment/payment_try.ts";
import type { ProviderCharge, ProviderRefund } from "./provider.ts";
import { Denied, NoAnswer, Refused, RefusesAll, Unusable } from "./unanswered.ts";

/** Tells of tries of one kind. */
export interface Tries<F> {
  answered(found: F): PaymentTry;
  /** Of a look-up. */
  found(found: F): PaymentTry;
  /** Undefined where the provider was not asked at all. */
  failed(error: unknown): PaymentTry | undefined;
}

/** Makes what tells of tries of a kind. */
export function triesOf(
  kind: "charge" | "refund" | "capture",
): Tries<ProviderCharge | ProviderRefund> {
  const answered = (found: ProviderCharge | ProviderRefund): PaymentTry => ({
    kind,
    outcome: outcomeOf(found.state),
    providerRef: textOf(found.ref),
    says: textOf("reason" in found ? found.reason : (found as ProviderCharge).code),
  });
  return {
    answered,
    found: (found) => ({ ...answered(found), kind: "look_up" }),
    failed: (error) => {
      const outcome = outcomeOfError(error);
      if (outcome === undefined) return undefined;
      return { kind, outcome, providerRef: null, says: (error as Error).message };
    },
  };
}

function outcomeOf(state: (ProviderCharge | ProviderRefund)["state"]): TryOutcome {
  switch (state) {
    case "succeeded":
    case "authorized":
    case "declined":
    case "pending":
      return state;
    case "requires_action":
      return "needs_customer";
    case "canceled":
      return "declined";
    case "refused":
      return "never";
    default:
      return "unclear";
  }
}

function outcomeOfError(error: unknown): TryOutcome | undefined {
  if (error instanceof Refused) return "never";
  if (error instanceof Unusable) return "unclear";
  if (error instanceof RefusesAll || error instanceof Denied) return "denied";
  if (error instanceof NoAnswer) return "later";
  // Left alone, or not asked because the message is another's: nothing was tried.
  return undefined;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
