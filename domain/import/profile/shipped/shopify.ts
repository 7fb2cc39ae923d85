/**
 * The orders export of Shopify's admin: one row an item, what is said of the order on its first row only.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const shopify: ImportProfile = {
  version: 1,
  name: "shopify",
  recognisedBy: ["Name", "Financial Status", "Lineitem quantity", "Lineitem price", "Total"],
  columns: {
    external_order_id: ["Name"],
    order_placed_at: ["Created at"],
    currency: ["Currency"],
    customer_email: ["Email"],
    customer_name: ["Billing Name", "Shipping Name", "Email"],
    product_sku: ["Lineitem sku", "Lineitem name"],
    product_name: ["Lineitem name"],
    price: ["Lineitem price"],
    qty: ["Lineitem quantity"],
    order_total: ["Total"],
    paid_at: ["Paid at"],
  },
  constants: { customer_name: "Guest" },
  fillDown: "order",
  money: { in: "by_decimals", pricePer: "unit" },
  adjustments: [
    { kind: "shipping", columns: ["Shipping"], per: "order", labelColumn: "Shipping Method" },
    // Whether prices contain the tax is a setting of the shop that the file does not tell, but its total does.
    { kind: "tax", columns: ["Taxes"], per: "order", included: "by_total" },
    {
      kind: "discount",
      columns: ["Discount Amount"],
      per: "order",
      takenOff: "positive",
      labelColumn: "Discount Code",
    },
    { kind: "tip", columns: ["Tip"], per: "order" },
    { kind: "fee", columns: ["Duties"], per: "order" },
  ],
  status: {
    columns: ["Financial Status"],
    charge: ["pending"],
    paid: ["paid"],
    skip: [
      ...["refunded", "partially_refunded", "voided", "expired", "authorized", "partially_paid"],
    ],
    skipFilled: ["Cancelled at", "Refunded Amount"],
  },
  ignore: ["Subtotal", "Lineitem discount", "Outstanding Balance"],
};

/**
 * Whoever takes columns out of the export may have left those of cancellations and refunds, which a status tells as well,
 * for the most part; one that has the order's number at Shopify or its notes still is no such choice.
 */
export const shopifyDemands: readonly DemandedColumn[] = [
  { columns: ["Total"] },
  { columns: ["Cancelled at"], beside: ["Id", "Notes"] },
  { columns: ["Refunded Amount"], beside: ["Id"] },
];
