/**
 * This product's own columns, in a file that is written otherwise: with another delimiter, decimal sign or encoding,
 * with times of another form, or with an order's columns on its first row only.
 *
 * @module
 */

import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const native: ImportProfile = {
  version: 1,
  name: "native",
  recognisedBy: [
    ...["external_order_id", "order_placed_at", "customer_name", "product_sku", "product_name"],
    ...["unit_price_cents", "qty"],
  ],
  columns: {
    external_order_id: ["external_order_id"],
    order_placed_at: ["order_placed_at"],
    currency: ["currency"],
    customer_id: ["customer_id"],
    customer_email: ["customer_email"],
    customer_name: ["customer_name"],
    product_sku: ["product_sku"],
    product_name: ["product_name"],
    price: ["unit_price_cents"],
    qty: ["qty"],
    order_total: ["order_total_cents"],
    tax_included: ["tax_included"],
    payment_provider: ["payment_provider"],
    payment_reference: ["payment_reference"],
    language: ["language"],
  },
  time: { zone: "UTC" },
  adjustments: [
    { kind: "shipping", columns: ["shipping_cents"], per: "order" },
    { kind: "tax", columns: ["tax_cents"], per: "order" },
    { kind: "discount", columns: ["discount_cents"], per: "order", takenOff: "positive" },
    { kind: "tip", columns: ["tip_cents"], per: "order" },
    { kind: "fee", columns: ["fee_cents"], per: "order" },
  ],
  status: {
    columns: ["payment_status"],
    charge: ["due"],
    paid: ["paid"],
    free: ["none"],
    otherwise: "charge",
  },
};
