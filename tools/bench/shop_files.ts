/**
 * Files of synthetic orders as shop systems export them.
 *
 * @module
 */

import { join } from "node:path";
import { databaseTime } from "../../domain/database_time.ts";
import type { OrdersFile } from "./import.ts";
import type { Stage } from "./stage.ts";

/** Rows to an order. */
const rowsToAnOrder = 3;

/** Forms of files, by their profiles. */
export const benchForms = [
  ...["shopify", "amazon", "woocommerce", "magento", "ebay", "etsy", "square", "odoo"] as const,
  "native",
] as const;

/** See {@linkcode benchForms}. */
export type BenchForm = typeof benchForms[number];

/** How a shop writes its orders down. */
export interface FileForm {
  /** What such a file is, for people. */
  name: string;
  delimiter: "," | "\t";
  columns: readonly string[];
  /** Fields of a row; of the order as a whole only where `first`, if the form has it so. */
  row(order: FileOrder, item: FileItem, first: boolean): (string | number)[];
  /** Settings that only the owner of such a file can know. */
  settings?: readonly string[];
}

interface FileItem {
  sku: number;
  qty: number;
  cents: number;
}

interface FileOrder {
  number: number;
  /** `2026-01-01 00:00:00` */
  time: string;
  itemsCents: number;
}

/** The form of a profile. */
export function shopForm(form: BenchForm): FileForm {
  return forms[form];
}

/**
 * Writes the file, outside of what is timed: orders each of which is published.
 *
 * @param asOne all rows are of one order
 */
export async function makeShopFile(
  { dir, orders }: Stage,
  form: BenchForm,
  { asOne = false } = {},
): Promise<OrdersFile> {
  const path = join(dir, `${form}${asOne ? "_as_one" : ""}.csv`);
  const { columns, delimiter } = forms[form];
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  const step = 1_000;
  await writer.write(encoder.encode(`${columns.join(delimiter)}\n`));
  for (let from = 0; from < orders; from += step) {
    const count = Math.min(step, orders - from);
    const texts = Array.from(
      { length: count },
      (_, at) => orderLines(from + at, forms[form], asOne),
    );
    await writer.write(encoder.encode(texts.join("")));
  }
  await writer.close();
  return { path, orders, rows: orders * rowsToAnOrder };
}

function orderLines(place: number, { row, delimiter }: FileForm, asOne: boolean): string {
  const number = asOne ? 1 : place;
  const items = Array.from({ length: rowsToAnOrder }, (_, at): FileItem => {
    const item = place * 7 + at * 311;
    return { sku: item % 1_000, qty: 1 + item % 3, cents: 100 + item * 37 % 9_900 };
  });
  const itemsCents = items.reduce((all, { qty, cents }) => all + qty * cents, 0);
  const time = databaseTime(Date.UTC(2026, 0, 1) + number % 500_000 * 60_000, 0);
  const order = { number, time, itemsCents };
  return items.map((item, at) =>
    `${row(order, item, at === 0 && !(asOne && place > 0)).join(delimiter)}\n`
  ).join("");
}

const forms: Readonly<Record<BenchForm, FileForm>> = {
  // Orders that are to be charged; what is said of one as a whole stands on its first row.
  shopify: {
    name: "Shopify's export",
    delimiter: ",",
    columns: [
      ...["Name", "Email", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes"],
      ...["Total", "Discount Code", "Discount Amount", "Shipping Method", "Created at"],
      ...["Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku", "Billing Name"],
      ...["Cancelled at", "Notes"],
    ],
    row({ number, time, itemsCents }, { sku, qty, cents }, first) {
      const [whole, rest] = first
        ? [
          [units(itemsCents), "4.90", "0.00", units(itemsCents + 490)],
          ["", "0.00", "Standard"],
        ]
        : [Array(4).fill(""), ["", "", ""]];
      return [
        ...[`#${number}`, `k${number}@shop.example`, first ? "pending" : "", first ? "EUR" : ""],
        ...[...whole, ...rest, `${time} -0500`, qty, `Thing ${sku}`, units(cents), `SKU-${sku}`],
        ...[first ? `Kim ${number}` : "", "", ""],
      ];
    },
  },
  // Amounts of whole lines, separated by tabs; all orders are paid.
  amazon: {
    name: "Amazon's export",
    delimiter: "\t",
    columns: [
      ...["order-id", "order-item-id", "purchase-date", "payments-date", "buyer-email"],
      ...["buyer-name", "sku", "product-name", "quantity-purchased", "currency", "item-price"],
      ...["item-tax", "shipping-price", "shipping-tax", "ship-service-level"],
      "item-promotion-discount",
    ],
    row: ({ number, time }, { sku, qty, cents }) => [
      ...[`302-${number}`, `${number}000${sku}`, `${time.replace(" ", "T")}+00:00`],
      ...[`${time.replace(" ", "T")}+00:00`, `k${number}@shop.example`, `Kim ${number}`],
      ...[`SKU-${sku}`, `Thing ${sku}`, qty, "EUR", units(cents * qty), "0.00", "1.90", "0.00"],
      ...["Standard", "0.00"],
    ],
  },
  // Orders that are to be charged; each row says all of its order.
  woocommerce: {
    name: "WooCommerce's export",
    delimiter: ",",
    columns: [
      ...["order_id", "order_number", "date", "status", "shipping_total", "fee_total"],
      ...["tax_total", "order_total", "order_currency", "customer_id", "billing_first_name"],
      ...["billing_last_name", "billing_email", "item_sku", "item_name", "item_quantity"],
      "item_total",
    ],
    row: ({ number, time, itemsCents }, { sku, qty, cents }) => [
      ...[number, `W-${number}`, `${time.replace(" ", "T")}-05:00`, "pending", "4.90", "0.00"],
      ...["0.00", units(itemsCents + 490), "EUR", "0", `Kim ${number}`, "Shopper"],
      ...[`k${number}@shop.example`, `SKU-${sku}`, `Thing ${sku}`, qty, units(cents * qty)],
    ],
  },
  // Four decimals; what is said of an order as a whole stands on its first row.
  magento: {
    name: "Magento's export",
    delimiter: ",",
    columns: [
      ...["increment_id", "created_at", "status", "order_currency_code", "customer_id"],
      ...["customer_email", "customer_firstname", "customer_lastname", "shipping_amount"],
      ...["tax_amount", "discount_amount", "grand_total", "sku", "name", "qty_ordered", "price"],
      "row_total",
    ],
    row({ number, time, itemsCents }, { sku, qty, cents }, first) {
      const whole = first
        ? [
          ...[String(number).padStart(9, "0"), time, "pending", "EUR", number],
          ...[`k${number}@shop.example`, `Kim ${number}`, "Shopper", "4.9000", "0.0000", "0.0000"],
          `${units(itemsCents + 490)}00`,
        ]
        : Array(12).fill("");
      const item = [`${units(cents)}00`, `${units(cents * qty)}00`];
      return [...whole, `SKU-${sku}`, `Thing ${sku}`, `${qty}.0000`, ...item];
    },
  },
  // Two items, and above them a row of the whole order; days with the names of months; all orders are paid.
  ebay: {
    name: "eBay's export",
    delimiter: ",",
    settings: ["constants.currency=USD", "time.zone=America/Los_Angeles"],
    columns: [
      ...["Sales Record Number", "Order Number", "Buyer Username", "Buyer Name", "Buyer Email"],
      ...["Item Number", "Item Title", "Custom Label", "Quantity", "Sold For"],
      ...["Shipping And Handling", "Seller Collected Tax", "eBay Collected Tax", "Total Price"],
      ...["Sale Date", "Paid On Date"],
    ],
    row({ number, time, itemsCents }, { sku, qty, cents }, first) {
      const day = monthDay(time);
      const id = [number, `11-${number}`, `buyer_${number}`];
      return first
        ? [
          ...[...id, `Kim ${number}`, `k${number}@shop.example`, "", "", "", "", "", "$4.90"],
          ...["$0.00", "$0.00", `$${units(itemsCents - qty * cents + 490)}`, day, day],
        ]
        : [
          ...[...id, "", "", 900_000 + sku, `Thing ${sku}`, `SKU-${sku}`, qty, `$${units(cents)}`],
          ...["", "", "", "", day, day],
        ];
    },
  },
  // Days with the month first; each row says all of its order, and nothing says what it comes to.
  etsy: {
    name: "Etsy's export",
    delimiter: ",",
    settings: ["time.zone=UTC"],
    columns: [
      ...["Sale Date", "Item Name", "Buyer", "Quantity", "Price", "Coupon Code", "Coupon Details"],
      ...["Discount Amount", "Shipping Discount", "Order Shipping", "Order Sales Tax"],
      ...["Item Total", "Currency", "Transaction ID", "Listing ID", "Date Paid", "Ship Name"],
      ...["Order ID", "SKU"],
    ],
    row({ number, time }, { sku, qty, cents }) {
      const day = `${time.slice(5, 7)}/${time.slice(8, 10)}/${time.slice(2, 4)}`;
      return [
        ...[day, `Thing ${sku}`, `kim_${number}`, qty, units(cents), "", "", "0.00", "0.00"],
        ...["4.90", "0.00", units(cents * qty), "EUR", `${number}000${sku}`, 400_000 + sku, day],
        ...[`Kim ${number}`, 3_100_000 + number, `SKU-${sku}`],
      ];
    },
  },
  // Only the order's total tells what prices are of; each row says all of its order, which was handed over.
  square: {
    name: "Square's export",
    delimiter: ",",
    settings: ["time.zone=UTC"],
    columns: [
      ...["Order", "Order Name", "Order Date", "Currency", "Order Subtotal"],
      ...["Order Shipping Price", "Order Tax Total", "Order Total", "Order Refunded Amount"],
      ...["Fulfillment Type", "Fulfillment Status", "Recipient Name", "Recipient Email"],
      ...["Item Quantity", "Item Name", "Item SKU", "Item Variation", "Item Modifiers"],
      ...["Item Price", "Item Options Total Price", "Item Total Price"],
    ],
    row: ({ number, time, itemsCents }, { sku, qty, cents }) => [
      ...[`Online ${number}`, "", time.slice(0, 10), "EUR", units(itemsCents), "4.90", "0.00"],
      ...[units(itemsCents + 490), "", "Shipment", "Completed", `Kim ${number}`],
      ...[`k${number}@shop.example`, qty, `Thing ${sku}`, `SKU-${sku}`, "Regular", ""],
      ...[units(cents), "0.00", units(cents)],
    ],
  },
  // Rows below the first have no id.
  odoo: {
    name: "Odoo's export",
    delimiter: ",",
    settings: ["time.zone=UTC"],
    columns: [
      ...["Order Reference", "Order Date", "Customer", "Customer/ID", "Customer/Email", "Currency"],
      ...["Status", "Order Lines/Product", "Order Lines/Product/Internal Reference"],
      ...["Order Lines/Quantity", "Order Lines/Unit Price", "Order Lines/Subtotal", "Taxes"],
      "Total",
    ],
    row({ number, time, itemsCents }, { sku, qty, cents }, first) {
      const head = first
        ? [
          ...[`S${number}`, time, `Kim ${number}`, `K${number}`, `k${number}@shop.example`, "EUR"],
          "Sales Order",
        ]
        : Array(7).fill("");
      return [
        ...[...head, `Thing ${sku}`, `SKU-${sku}`, `${qty}.0`, units(cents), units(cents * qty)],
        ...(first ? ["0.00", units(itemsCents)] : ["", ""]),
      ];
    },
  },
  // The product's own columns, with amounts that add up to a total.
  native: {
    name: "own columns by a profile",
    delimiter: ",",
    columns: [
      ...["external_order_id", "order_placed_at", "currency", "customer_id", "customer_email"],
      ...["customer_name", "product_sku", "product_name", "unit_price_cents", "qty"],
      ...["shipping_cents", "order_total_cents"],
    ],
    row: ({ number, time, itemsCents }, { sku, qty, cents }) => [
      ...[`N-${number}`, time, "EUR", `K${number}`, `k${number}@shop.example`, `Kim ${number}`],
      ...[`SKU-${sku}`, `Thing ${sku}`, cents, qty, 490, itemsCents + 490],
    ],
  },
};

function units(cents: number): string {
  return (cents / 100).toFixed(2);
}

const months = [
  ...["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
];

/** `Jan-05-26` */
function monthDay(time: string): string {
  return `${months[Number(time.slice(5, 7)) - 1]}-${time.slice(8, 10)}-${time.slice(2, 4)}`;
}
