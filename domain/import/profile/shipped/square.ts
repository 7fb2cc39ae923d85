/**
 * The orders export of Square's dashboard: one row an item, the order's amounts on each of its rows. Discounts and tips
 * have no column, so an order with any does not come to its total.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const square: ImportProfile = {
  version: 1,
  name: "square",
  recognisedBy: [
    ...["Order", "Order Date", "Order Tax Total", "Order Total"],
    ...["Item Quantity", "Item Name", "Item Total Price"],
  ],
  columns: {
    external_order_id: ["Order"],
    order_placed_at: ["Order Date"],
    currency: ["Currency"],
    customer_email: ["Recipient Email"],
    customer_name: ["Recipient Name", "Recipient Email"],
    product_sku: ["Item SKU", ["Item Name", "Item Variation"]],
    product_name: [["Item Name", "Item Variation"]],
    // With what was chosen for the item.
    price: ["Item Total Price"],
    qty: ["Item Quantity"],
    order_total: ["Order Total"],
  },
  constants: { customer_name: "Guest" },
  fillDown: "none",
  // The export does not tell what prices are of, nor whether they contain the tax, but the order's total does.
  money: { in: "by_decimals", pricePer: "by_total" },
  adjustments: [
    { kind: "shipping", columns: ["Order Shipping Price"], per: "order" },
    { kind: "tax", columns: ["Order Tax Total"], per: "order", included: "by_total" },
  ],
  // No column says that an order was paid: one that was handed over was.
  status: {
    columns: ["Fulfillment Status"],
    paid: ["completed"],
    skip: ["canceled", "cancelled", "failed"],
    skipFilled: ["Order Refunded Amount"],
    otherwise: "skip",
  },
  ignore: ["Order Subtotal", "Item Options Total Price"],
};

/** The export has one set of columns. Whatever else an order costs is held against its total. */
export const squareDemands: readonly DemandedColumn[] = [
  { columns: ["Order Total"] },
  { columns: ["Order Refunded Amount"] },
];
