/**
 * Money that waits for somebody, by currency.
 *
 * @module
 */

import { type Row, toInteger, toShownSum } from "../connection/database.ts";

/** What rows of one currency come to. */
export interface MoneySum {
  /** ISO 4217. */
  currency: string;
  /** In minor units of it. */
  amountCents: number;
  /** Rows; where there are very many, of so many as are counted. */
  count: number;
}

/** A sum out of the columns `currency`, `cents` and `n`. */
export function toMoneySum(row: Row): MoneySum {
  return {
    currency: String(row.currency),
    amountCents: toShownSum(row.cents),
    count: toInteger(row.n),
  };
}
