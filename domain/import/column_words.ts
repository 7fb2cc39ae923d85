/**
 * The columns of the import file in words, for people who fill one in.
 *
 * @module
 */

import type { ImportColumn } from "./csv_rows.ts";

/** One sentence a column, in the order of the documentation. */
export const columnWords: Readonly<Record<ImportColumn, string>> = {
  external_order_id: "The order's id at the shop; rows with the same id are one order.",
  order_placed_at: "When it was placed, such as 2026-01-05 10:22:31 or 2026-01-05T10:22:31Z; UTC.",
  currency: "Three letters, such as EUR.",
  customer_id: "The customer's id at the shop; empty for a guest.",
  customer_email: "Where messages about the order go; empty sends none.",
  customer_name: "What messages call the customer.",
  product_sku: "The product's id at the shop.",
  product_name: "What customers read.",
  unit_price_cents: "The price of one unit in minor units: 1250 is 12.50.",
  qty: "How many units, a whole number from 1.",
  shipping_cents: "What shipping costs, on any row of the order.",
  tax_cents: "The tax, which is added to the prices unless these contain it.",
  tax_included: "true where the prices contain the tax.",
  discount_cents: "What is taken off the order, as a positive number.",
  tip_cents: "A tip, which is added.",
  fee_cents: "A fee, which is added.",
  order_total_cents: "What all of it comes to: an order with another sum is rejected.",
  payment_status: "due is charged here, paid was paid at the shop, none costs nothing.",
  payment_provider: "Of a paid order: who took the money.",
  payment_reference: "Of a paid order: the payment's id there.",
  language: "The language of messages, such as de or en-GB.",
};
