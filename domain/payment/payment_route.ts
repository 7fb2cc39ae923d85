/**
 * Which of several payment providers is asked for an order's money.
 *
 * @module
 */

/** A row of the table: what fits it is asked of its provider. */
export interface PaymentRoute {
  /** ISO 4217, upper case; null for any. */
  currency: string | null;
  /** A kind of payment method, such as `card`; null for any, and for orders that name none. */
  method: string | null;
  /** Name of the provider. */
  provider: string;
}

/**
 * The provider that the first row names which fits; undefined where none does.
 *
 * @param order.method the kind of method that the order names; null for none
 */
export function routeOf(
  routes: readonly PaymentRoute[],
  order: { currency: string; method: string | null },
): string | undefined {
  return routes.find(({ currency, method }) =>
    (currency === null || currency === order.currency) &&
    (method === null || method === order.method)
  )?.provider;
}

/**
 * Reads `CURRENCY/METHOD=PROVIDER`, such as `USD=stripe`; a star stands for any currency or method.
 *
 * @returns undefined for anything else
 */
export function parsePaymentRoute(text: string): PaymentRoute | undefined {
  const row = /^(\*|[A-Z]{3})(?:\/(\*|[a-z][a-z0-9_]{0,31}))?=([a-z][a-z0-9_]{0,31})$/.exec(text);
  if (row === null) return undefined;
  const [, currency, method = "*", provider] = row;
  const anyOr = (word: string) => word === "*" ? null : word;
  return { currency: anyOr(currency!), method: anyOr(method), provider: provider! };
}
