/**
 * Etsy's sold order items: one row an item, the order's amounts on each of its rows. There is no total in the file.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
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
    customer_name: ["Ship Name", "Delivery Name", "Buyer"],
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
    // Shops that read English of Great Britain have deliveries where others have shipping.
    {
      kind: "shipping",
      columns: ["Order Shipping", "Order Delivery"],
      together: "same",
      per: "order",
    },
    { kind: "tax", columns: ["Order Sales Tax"], per: "order" },
    {
      kind: "discount",
      columns: ["Discount Amount"],
      per: "line",
      takenOff: "positive",
      labelColumn: "Coupon Code",
    },
    {
      kind: "discount",
      columns: ["Shipping Discount", "Delivery Discount"],
      together: "same",
      per: "order",
      takenOff: "positive",
    },
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

/** Every version of the file that is known has each of the order's amounts; what is sold in person came later. */
export const etsyDemands: readonly DemandedColumn[] = [
  { columns: ["Transaction ID"] },
  { columns: ["Order Shipping", "Order Delivery"] },
  { columns: ["Order Sales Tax"] },
  { columns: ["Discount Amount"] },
  { columns: ["Shipping Discount", "Delivery Discount"] },
  { columns: ["InPerson Discount"], beside: ["InPerson Location"] },
];
