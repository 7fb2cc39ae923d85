/**
 * Sales orders exported from Odoo with their lines: what is said of the order stands on its first row only, and the
 * rows below have no reference.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const odoo: ImportProfile = {
  version: 1,
  name: "odoo",
  recognisedBy: ["Order Reference", "Order Date", "Order Lines/Quantity", "Order Lines/Subtotal"],
  columns: {
    external_order_id: ["Order Reference"],
    order_placed_at: ["Order Date"],
    currency: ["Currency", "Pricelist/Currency"],
    customer_id: ["Customer/ID", "Customer/External ID"],
    customer_email: ["Customer/Email"],
    customer_name: ["Customer", "Customer/Name"],
    product_sku: ["Order Lines/Product/Internal Reference", "Order Lines/Product"],
    product_name: ["Order Lines/Product", "Order Lines/Description"],
    price: ["Order Lines/Subtotal"],
    qty: ["Order Lines/Quantity"],
    order_total: ["Total"],
  },
  fillDown: "order",
  // What a line comes to when its discount is off and before its taxes.
  money: { in: "by_decimals", pricePer: "line", tolerance: 0 },
  adjustments: [{ kind: "tax", columns: ["Taxes", "Amount Tax"], together: "same", per: "order" }],
  status: {
    columns: ["Status"],
    charge: ["Sales Order", "sale"],
    skip: ["Quotation", "Quotation Sent", "Cancelled", "draft", "sent", "cancel"],
  },
  ignore: [
    ...["Untaxed Amount", "Order Lines/Total", "Order Lines/Tax", "Order Lines/Taxes"],
    ...["Order Lines/Discount (%)", "Delivery Status"],
  ],
};

/**
 * Fields are chosen for the export. Rows of an order have nothing but their place to tell whose they are: without the total a file
 * that was sorted, or of which rows were taken out, would give orders the items of others.
 */
export const odooDemands: readonly DemandedColumn[] = [
  { columns: ["Total"] },
];
