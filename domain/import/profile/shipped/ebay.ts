/**
 * The orders report of eBay's seller pages: an order of several items has a row with its totals above theirs.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const ebay: ImportProfile = {
  version: 1,
  name: "ebay",
  recognisedBy: ["Sales Record Number", "Order Number", "Item Title", "Sold For", "Total Price"],
  columns: {
    external_order_id: ["Order Number"],
    order_placed_at: ["Sale Date"],
    customer_id: ["Buyer Username"],
    customer_email: ["Buyer Email"],
    customer_name: ["Buyer Name", "Ship To Name", "Buyer Username"],
    product_sku: ["Custom Label", "Item Number"],
    product_name: ["Item Title"],
    price: ["Sold For"],
    qty: ["Quantity"],
    order_total: ["Total Price"],
    paid_at: ["Paid On Date"],
  },
  fillDown: "order",
  rowsWithoutItem: "allowed",
  money: { in: "by_decimals", pricePer: "by_total" },
  adjustments: [
    { kind: "shipping", columns: ["Shipping And Handling"], per: "order" },
    { kind: "tax", columns: ["Seller Collected Tax"], per: "order", included: "by_total" },
    // What eBay keeps and hands on itself is in the total of some marketplaces.
    { kind: "tax", columns: ["eBay Collected Tax"], per: "order", included: "by_total" },
  ],
  status: {
    columns: [],
    paidFilled: ["Paid On Date"],
    skipFilled: ["Refunded Amount"],
    otherwise: "skip",
  },
  ignore: ["eBay Reference Value"],
};

/** What an order costs is held against its total; what was given back has a column in few versions of the report. */
export const ebayDemands: readonly DemandedColumn[] = [
  { columns: ["Total Price"] },
  { columns: ["Refunded Amount"], beside: ["Refunded Quantity", "Refund Date"] },
];
