/**
 * The export of WooCommerce's order exporters with one row an item, whose columns are named as the shop's own fields.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const woocommerce: ImportProfile = {
  version: 1,
  name: "woocommerce",
  recognisedBy: [
    "order_number",
    "status",
    "order_total",
    "item_name",
    "item_quantity",
    "item_total",
  ],
  columns: {
    external_order_id: ["order_number_formatted", "order_number", "order_id"],
    order_placed_at: ["date", "order_date"],
    currency: ["order_currency"],
    customer_id: ["customer_id"],
    customer_email: ["billing_email", "customer_email"],
    customer_name: [
      ["billing_first_name", "billing_last_name"],
      ["shipping_first_name", "shipping_last_name"],
      "billing_company",
      "billing_email",
    ],
    product_sku: ["item_sku", "item_product_id"],
    product_name: ["item_name"],
    price: ["item_total"],
    qty: ["item_quantity"],
    order_total: ["order_total"],
    paid_at: ["paid_date"],
  },
  constants: { customer_name: "Guest" },
  // What a line comes to when its discount is off and before its tax.
  money: { in: "by_decimals", pricePer: "line", tolerance: 0 },
  adjustments: [
    { kind: "shipping", columns: ["shipping_total"], per: "order" },
    { kind: "fee", columns: ["fee_total"], per: "order" },
    { kind: "tax", columns: ["tax_total"], per: "order" },
  ],
  status: {
    columns: ["status"],
    charge: ["pending", "wc-pending"],
    paid: ["processing", "completed", "wc-processing", "wc-completed"],
    skip: [
      ...["cancelled", "refunded", "failed", "on-hold", "checkout-draft", "trash"],
      ...["wc-cancelled", "wc-refunded", "wc-failed", "wc-on-hold", "wc-checkout-draft"],
    ],
    // A part of it was given back: it stays completed.
    skipFilled: ["refunded_total", "item_refunded"],
  },
  guestIds: ["0"],
  ignore: [
    ...["discount_total", "cart_discount", "order_discount", "shipping_tax_total", "fee_tax_total"],
    ...["order_subtotal", "item_subtotal", "item_subtotal_tax", "item_total_tax", "item_tax"],
    "item_refunded_qty",
  ],
};

/**
 * Two exporters are known by these columns. One has what was given back of the order in all of its versions, the other that
 * of each item alone.
 */
export const woocommerceDemands: readonly DemandedColumn[] = [
  { columns: ["order_total"] },
  {
    columns: ["refunded_total", "item_refunded"],
    beside: ["item_refunded_qty", "item_meta", "order_notes", "tax_items", "refund_items"],
  },
  {
    columns: ["refunded_total"],
    beside: ["order_number_formatted", "refunds", "download_permissions_granted"],
  },
];
