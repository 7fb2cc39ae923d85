/**
 * Amazon's order report, separated by tabs: each amount is of all units of its row, and the buyer has paid Amazon.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
import type { ImportProfile } from "../profile.ts";

/** Marketplaces whose prices are without the tax, which comes on top: all others show what the buyer pays. */
const except = ["USD", "CAD"];

/** See `docs/importing.md`. */
export const amazon: ImportProfile = {
  version: 1,
  name: "amazon",
  recognisedBy: ["order-id", "order-item-id", "quantity-purchased", "item-price"],
  columns: {
    external_order_id: ["order-id"],
    order_placed_at: ["purchase-date"],
    currency: ["currency"],
    customer_email: ["buyer-email"],
    customer_name: ["buyer-name", "recipient-name", "buyer-email"],
    product_sku: ["sku"],
    product_name: ["product-name", "item-name"],
    price: ["item-price"],
    qty: ["quantity-purchased"],
    paid_at: ["payments-date"],
  },
  constants: { customer_name: "Guest" },
  // What does not fit on a row, such as a second promotion, follows on rows that are empty otherwise.
  fillDown: "order",
  rowsWithoutItem: "allowed",
  money: { in: "by_decimals", pricePer: "line" },
  adjustments: [
    {
      kind: "tax",
      columns: ["item-tax", "shipping-tax", "gift-wrap-tax"],
      per: "line",
      included: { except },
    },
    {
      kind: "shipping",
      columns: ["shipping-price"],
      per: "line",
      labelColumn: "ship-service-level",
    },
    { kind: "gift_wrap", columns: ["gift-wrap-price"], per: "line" },
    {
      kind: "discount",
      columns: ["item-promotion-discount", "ship-promotion-discount"],
      per: "line",
    },
  ],
  itemIds: ["order-item-id"],
  // What the buyer gets for it, not what it costs.
  ignore: ["points-granted"],
  status: { columns: [], paidFilled: ["payments-date"], otherwise: "skip" },
};

/**
 * Amazon's descriptions of the report have what is paid for items and shipping in all marketplaces, taxes where it collects
 * them, and gifts and promotions where the seller offers them, each with columns of its own kind.
 */
export const amazonDemands: readonly DemandedColumn[] = [
  { columns: ["order-item-id"] },
  { columns: ["shipping-price"] },
  { columns: ["item-tax"], beside: ["shipping-tax", "gift-wrap-tax"] },
  { columns: ["shipping-tax"], beside: ["item-tax", "gift-wrap-tax"] },
  {
    columns: ["gift-wrap-price"],
    beside: ["gift-wrap-tax", "gift-wrap-type", "gift-message-text"],
  },
  { columns: ["gift-wrap-tax"], beside: ["gift-wrap-price"] },
  {
    columns: ["item-promotion-discount"],
    beside: ["item-promotion-id", "ship-promotion-discount", "ship-promotion-id"],
  },
  { columns: ["ship-promotion-discount"], beside: ["item-promotion-id", "ship-promotion-id"] },
];
