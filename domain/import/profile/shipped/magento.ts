/**
 * Orders with their items as exporters of Magento (Adobe Commerce) write them: columns named as the attributes of the
 * order and of its items, amounts with four decimals, times in UTC.
 *
 * @module
 */

import type { DemandedColumn } from "../demanded_columns.ts";
import type { ImportProfile } from "../profile.ts";

/** See `docs/importing.md`. */
export const magento: ImportProfile = {
  version: 1,
  name: "magento",
  recognisedBy: ["increment_id", "grand_total", "created_at", "qty_ordered", "status"],
  columns: {
    external_order_id: ["increment_id"],
    order_placed_at: ["created_at"],
    currency: ["order_currency_code"],
    customer_id: ["customer_id"],
    customer_email: ["customer_email"],
    customer_name: [
      ["customer_firstname", "customer_lastname"],
      ["billing_firstname", "billing_lastname"],
      "customer_email",
    ],
    product_sku: ["sku", "item_sku"],
    product_name: ["name", "item_name"],
    price: ["row_total", "item_row_total"],
    qty: ["qty_ordered", "item_qty_ordered"],
    order_total: ["grand_total"],
  },
  constants: { customer_name: "Guest" },
  fillDown: "order",
  // What a line comes to before discounts and taxes.
  money: { in: "by_decimals", pricePer: "line", tolerance: 0 },
  time: { zone: "UTC" },
  adjustments: [
    {
      kind: "shipping",
      columns: ["shipping_amount"],
      per: "order",
      labelColumn: "shipping_description",
    },
    { kind: "tax", columns: ["tax_amount"], per: "order" },
    { kind: "discount", columns: ["discount_amount"], per: "order", labelColumn: "coupon_code" },
  ],
  status: {
    columns: ["status"],
    charge: ["pending", "pending_payment"],
    paid: ["processing", "complete"],
    skip: [
      ...["canceled", "closed", "holded", "fraud", "payment_review", "pending_paypal"],
      ...["paypal_canceled_reversal", "paypal_reversed"],
    ],
    // A part of it was given back: it stays complete.
    skipFilled: ["total_refunded"],
  },
  idDigits: 9,
  guestIds: ["0"],
  ignore: [
    ...[
      "state",
      "subtotal",
      "subtotal_incl_tax",
      "base_grand_total",
      "base_subtotal",
      "total_paid",
    ],
    ...[
      "total_due",
      "total_invoiced",
      "total_qty_ordered",
      "shipping_tax_amount",
    ],
    ...["shipping_incl_tax", "base_shipping_amount", "base_tax_amount", "base_discount_amount"],
    ...["row_total_incl_tax", "qty_refunded", "qty_canceled", "price_incl_tax"],
  ],
};

/** Exporters write the attributes that were chosen: one of refunds says that refunds were meant to be told. */
export const magentoDemands: readonly DemandedColumn[] = [
  { columns: ["grand_total"] },
  {
    columns: ["total_refunded"],
    beside: [
      ...["base_total_refunded", "total_online_refunded", "total_offline_refunded"],
      ...["subtotal_refunded", "shipping_refunded", "tax_refunded", "discount_refunded"],
      ...["qty_refunded", "amount_refunded", "base_amount_refunded"],
    ],
  },
];
