/**
 * How an order stands at its source: to be charged, paid there already, or free.
 *
 * @module
 */

/** What a source may say of an order's payment. */
export const paymentStatuses = ["due", "paid", "none"] as const;

/** What a source says of an order's payment. */
export type PaymentStatus = typeof paymentStatuses[number];
