/**
 * Amounts as Stripe writes them. They are minor units as ours, but of a few currencies it counts other digits than
 * ISO 4217 does.
 *
 * @module
 */

import { currencyDigits } from "../../../domain/money.ts";
import { Refused, Unusable } from "../unanswered.ts";

/** Those that Stripe takes in whole units. */
const whole: ReadonlySet<string> = new Set(
  "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split(" "),
);

/** Those of three digits, of which the last one has to be 0. */
const thousandths: ReadonlySet<string> = new Set("BHD JOD KWD OMR TND".split(" "));

/** Those that are whole units by now, and that Stripe still writes with two digits, both of them 0. */
const wholeInCents: ReadonlySet<string> = new Set(["ISK", "UGX"]);

function stripeDigits(currency: string): number {
  if (whole.has(currency)) return 0;
  return thousandths.has(currency) ? 3 : 2;
}

/**
 * An amount in minor units as Stripe writes it.
 *
 * @throws {Refused} where Stripe can't take it
 */
export function toStripe(amountCents: number, currency: string): number {
  const factor = 10 ** (stripeDigits(currency) - currencyDigits(currency));
  const amount = Math.round(amountCents * factor);
  const step = thousandths.has(currency) ? 10 : wholeInCents.has(currency) ? 100 : 1;
  if (Math.round(amount / factor) !== amountCents || amount % step !== 0) {
    throw new Refused(`Stripe takes no such fraction of ${currency}`, "amount_too_fine");
  }
  return amount;
}

/**
 * An amount as Stripe writes it, in minor units.
 *
 * @throws {Unusable} where it is a part of one
 */
export function fromStripe(amount: number, currency: string): number {
  const amountCents = amount * 10 ** (currencyDigits(currency) - stripeDigits(currency));
  const rounded = Math.round(amountCents);
  if (Math.abs(rounded - amountCents) > 1e-6) {
    throw new Unusable(`the provider tells of a part of the smallest unit of ${currency}`);
  }
  return rounded;
}
