/**
 * The money of the orders of a file, as it is shown before the file is taken.
 *
 * @module
 */

/** The orders of one currency, in its minor units. */
export interface ImportMoney {
  /** ISO 4217, upper case. */
  currency: string;
  /** How many there are, at least one. */
  orders: number;
  /** All of them together; beyond 2^53 only nearly. */
  sum_cents: number;
  /** The least total. */
  smallest_cents: number;
  /** The middle one; of an even number the mean of the two in the middle, rounded down. */
  median_cents: number;
  /** The highest total. */
  largest_cents: number;
}
