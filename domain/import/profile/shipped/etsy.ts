/**
 * Etsy's sold order items: one row an item, the order's amounts on each of its rows. There is no total in the file.
 *
 * @module
 */

import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const etsy: ImportProfile = {
  version: 1,
  name: "etsy",
  recognisedBy: ["Sale Date", "Item Name", "Order ID", "Transaction ID", "Price", "Quantity"],
  columns: {
    external_order_id: ["Order ID"],
    order_placed_at: ["Sale Date"],
    currency: ["Currency"],
    customer_name: ["Ship Name", "Buyer"],
    product_sku: ["SKU", "Listing ID"],
    product_name: ["Item Name"],
    price: ["Price"],
    qty: ["Quantity"],
    paid_at: ["Date Paid"],
  },
  constants: { customer_name: "Guest" },
  money: { in: "by_decimals", pricePer: "unit" },
  time: { order: "mdy" },
  adjustments: [
    { kind: "shipping", columns: ["Order Shipping"], per: "order" },
    { kind: "tax", columns: ["Order Sales Tax"], per: "order" },
    {
      kind: "discount",
      columns: ["Discount Amount"],
      per: "line",
      takenOff: "positive",
      labelColumn: "Coupon Code",
    },
    { kind: "discount", columns: ["Shipping Discount"], per: "order", takenOff: "positive" },
  ],
  status: {
    columns: [],
    paidFilled: ["Date Paid"],
    // Taken off at a till, and nothing says whether of the line or of the whole order: no sum would be certain.
    skipFilled: ["InPerson Discount"],
    otherwise: "skip",
  },
  itemIds: ["Transaction ID"],
  ignore: ["Item Total", "VAT Paid by Buyer", "Coupon Details"],
};
