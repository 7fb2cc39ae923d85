/**
 * Amounts in texts for timelines.
 *
 * @module
 */

/**
 * "1001 cents", which pages show as an amount of the order's currency; money in another currency is named with it.
 *
 * @param amountCents in minor units of `currency`
 * @param orderCurrency the order's
 */
export function moneyText(amountCents: number, currency: string, orderCurrency: string): string {
  return currency === orderCurrency
    ? `${amountCents} cents`
    : `${amountCents} minor units of ${currency}`;
}
