/**
 * How shop systems write their orders down, after the public descriptions of their exports: not after our profiles.
 *
 * @module
 */

import {
  discountCents,
  inUnits,
  itemsCents,
  shippingCents,
  type Shop,
  type ShopItem,
  type ShopOrder,
  type ShopState,
  taxCents,
  totalCents,
} from "./shop_orders.ts";

/** What only the owner of a file knows, by the settings that it answers. */
export type Answers = ReadonlyMap<string, string>;

/** What a file says of an order. */
export interface Told {
  totalCents: number;
  state: ShopState;
  /** Milliseconds since 1970; undefined where the form has days only. */
  placedAt: number | undefined;
}

/** An amount in minor units. */
export interface AmountCell {
  cents: number;
  currency: string;
  /** Digits behind the sign; as many as the currency has where it is absent. */
  digits?: number;
  /** Always written with its currency, or never: units are no money. */
  named?: boolean;
}

/** A cell: money and times are written later, by the habits of the country. */
export type Cell = string | AmountCell | { at: number; form: TimeForm };

/** How a time is written by a shop; `local` is what spreadsheets of a country make of it. */
export type TimeForm =
  | "iso"
  | "iso-day"
  | "offset"
  | "space"
  | "us"
  | "day"
  | "month-name"
  | "local";

/** A file as rows of cells. */
export interface Table {
  header: string[];
  rows: Cell[][];
  /** Columns that a shop's owner may have taken away without changing what an order costs. */
  spare: string[];
}

/** How one kind of shop writes. */
export interface ShopForm {
  /** The profile that it is for. */
  profile: string;
  /** What is usual; a file may be mangled into another. */
  delimiter: "," | "\t";
  write(shop: Shop): Table;
  tell(order: ShopOrder, shop: Shop): Told;
  /** The file names what each order comes to, so that damage to any of its amounts shows. */
  namesTotals: boolean;
  /** The id by which the order is known afterwards. */
  idOf(order: ShopOrder): string;
}

interface At {
  shop: Shop;
  order: ShopOrder;
  item: ShopItem;
  /** The order's first row. */
  first: boolean;
  line: number;
}

type Column = readonly [name: string, cell: (at: At) => Cell, spare?: "spare"];

function tableOf(shop: Shop, columns: readonly Column[]): Table {
  return {
    header: columns.map(([name]) => name),
    rows: shop.orders.flatMap((order) =>
      order.items.map((item, line) =>
        columns.map(([, cell]) => cell({ shop, order, item, first: line === 0, line }))
      )
    ),
    spare: columns.flatMap(([name, , spare]) => spare === undefined ? [] : [name]),
  };
}

const money = (cents: number, { currency }: ShopOrder): Cell => ({ cents, currency });

/** Units that a shop writes like amounts: `2.0000`. */
const units = (qty: number, digits: number): Cell => ({
  cents: qty,
  currency: "JPY",
  digits,
  named: false,
});

/** Said on the first row of an order only. */
const once = (cell: (at: At) => Cell) => (at: At): Cell => at.first ? cell(at) : "";

const word = (words: Record<ShopState, string>) => ({ order }: At): Cell => words[order.state];

const told = (order: ShopOrder, shop: Pick<Shop, "taxIncluded">): Told => ({
  totalCents: totalCents(order, shop),
  state: order.state,
  placedAt: order.placedAt,
});

const shopify: ShopForm = {
  profile: "shopify",
  delimiter: ",",
  write: (shop) =>
    tableOf(shop, [
      ["Name", ({ order }) => `#${order.number}`],
      ["Email", ({ order }) => order.email],
      [
        "Financial Status",
        once(word({ open: "pending", paid: "paid", refunded: "refunded", cancelled: "voided" })),
      ],
      [
        "Paid at",
        once(({ order }) => order.state === "paid" ? { at: order.placedAt, form: "offset" } : ""),
        "spare",
      ],
      ["Fulfillment Status", once(() => "unfulfilled"), "spare"],
      ["Currency", once(({ order }) => order.currency)],
      ["Subtotal", once(({ order }) => money(itemsCents(order) - discountCents(order), order))],
      ["Shipping", once(({ order }) => money(shippingCents(order), order))],
      ["Taxes", once(({ order }) => money(taxCents(order), order))],
      ["Total", once(({ order, shop }) => money(totalCents(order, shop), order))],
      ["Discount Code", once(({ order }) => discountCents(order) > 0 ? "CODE" : ""), "spare"],
      ["Discount Amount", once(({ order }) => money(discountCents(order), order))],
      ["Shipping Method", once(() => "Standard"), "spare"],
      ["Created at", ({ order }) => ({ at: order.placedAt, form: "offset" })],
      ["Lineitem quantity", ({ item }) => String(item.qty)],
      ["Lineitem name", ({ item }) => item.name],
      ["Lineitem price", ({ order, item }) => money(item.price, order)],
      ["Lineitem compare at price", () => "", "spare"],
      ["Lineitem sku", ({ item }) => item.sku],
      ["Billing Name", once(({ order }) => order.name)],
      ["Notes", () => "", "spare"],
      [
        "Cancelled at",
        once(({ order }) =>
          order.state === "cancelled" ? { at: order.placedAt, form: "offset" } : ""
        ),
      ],
      ["Payment Method", once(() => "card"), "spare"],
      [
        "Refunded Amount",
        once(({ order, shop }) =>
          money(order.state === "refunded" ? totalCents(order, shop) : 0, order)
        ),
      ],
      ["Id", once(({ order }) => String(550_000 + order.number)), "spare"],
    ]),
  tell: told,
  namesTotals: true,
  idOf: ({ number }) => `#${number}`,
};

/** Tab-separated, amounts are of the line, paid all of them: others are not in the report. */
const amazon: ShopForm = {
  profile: "amazon",
  delimiter: "\t",
  write: (shop) =>
    tableOf(shop, [
      ["order-id", ({ order }) => amazonId(order)],
      ["order-item-id", ({ order, line }) => `${order.number}000${line}`],
      ["purchase-date", ({ order }) => ({ at: order.placedAt, form: "iso" })],
      ["payments-date", ({ order }) => ({ at: order.placedAt, form: "iso" })],
      ["buyer-email", ({ order }) => order.email],
      ["buyer-name", ({ order }) => order.name],
      ["sku", ({ item }) => item.sku],
      ["product-name", ({ item }) => item.name],
      ["quantity-purchased", ({ item }) => String(item.qty)],
      ["currency", ({ order }) => order.currency],
      ["item-price", ({ order, item }) => money(item.price * item.qty, order)],
      ["item-tax", ({ order, item }) => money(item.tax, order)],
      ["shipping-price", ({ order, item }) => money(item.shipping, order)],
      ["shipping-tax", ({ order }) => money(0, order)],
      ["ship-service-level", () => "Standard", "spare"],
      ["item-promotion-discount", ({ order, item }) => money(-item.discount, order)],
    ]),
  tell: (order) => ({
    ...told(order, { taxIncluded: taxInAmazonPrices(order) }),
    state: "paid",
  }),
  namesTotals: false,
  idOf: amazonId,
};

/** In Europe and Japan prices contain the tax; in America they do not. */
function taxInAmazonPrices({ currency }: ShopOrder): boolean {
  return currency !== "USD";
}

function amazonId({ number }: ShopOrder): string {
  return `302-555${number}-555${number}`;
}

/** Our own header, filled in by somebody else's program. */
const native: ShopForm = {
  profile: "native",
  delimiter: ",",
  write: (shop) =>
    tableOf(shop, [
      ["external_order_id", ({ order }) => `N-${order.number}`],
      ["order_placed_at", ({ order }) => ({ at: order.placedAt, form: "space" })],
      ["currency", ({ order }) => order.currency],
      ["customer_id", ({ order }) => `K${order.number}`],
      ["customer_email", ({ order }) => order.email],
      ["customer_name", ({ order }) => order.name],
      ["product_sku", ({ item }) => item.sku],
      ["product_name", ({ item }) => item.name],
      ["unit_price_cents", ({ order, item }) => money(item.price, order)],
      ["qty", ({ item }) => String(item.qty)],
      ["shipping_cents", ({ order }) => money(shippingCents(order), order)],
      ["tax_cents", ({ order }) => money(taxCents(order), order)],
      ["tax_included", ({ shop }) => String(shop.taxIncluded)],
      ["discount_cents", ({ order }) => money(discountCents(order), order)],
      ["order_total_cents", ({ order, shop }) => money(totalCents(order, shop), order)],
    ]),
  tell: (order, shop) => ({ ...told(order, shop), state: "open" }),
  namesTotals: true,
  idOf: ({ number }) => `N-${number}`,
};

/** Lines are without tax and with their discount off; the order's times are those of the shop's clock. */
const woocommerce: ShopForm = {
  profile: "woocommerce",
  delimiter: ",",
  write: (shop) =>
    tableOf(shop, [
      ["order_id", ({ order }) => String(order.number)],
      ["order_number", ({ order }) => `W-${order.number}`],
      ["date", ({ order }) => ({ at: order.placedAt, form: "space" })],
      [
        "status",
        word({ open: "pending", paid: "processing", refunded: "refunded", cancelled: "cancelled" }),
      ],
      ["shipping_total", ({ order }) => money(shippingCents(order), order)],
      ["shipping_tax_total", ({ order }) => money(0, order), "spare"],
      ["fee_total", ({ order }) => money(0, order), "spare"],
      ["tax_total", ({ order }) => money(taxCents(order), order)],
      ["discount_total", ({ order }) => money(discountCents(order), order), "spare"],
      ["order_total", ({ order }) => money(totalCents(order, untaxed), order)],
      ["order_currency", ({ order }) => order.currency],
      ["payment_method", () => "card", "spare"],
      ["customer_id", () => "0"],
      ["billing_first_name", ({ order }) => order.name],
      ["billing_last_name", () => "Shopper"],
      ["billing_email", ({ order }) => order.email],
      ["item_sku", ({ item }) => item.sku],
      ["item_name", ({ item }) => item.name],
      ["item_quantity", ({ item }) => String(item.qty)],
      ["item_subtotal", ({ order, item }) => money(item.price * item.qty, order), "spare"],
      ["item_total", ({ order, item }) => money(item.price * item.qty - item.discount, order)],
    ]),
  tell: (order) => told(order, untaxed),
  namesTotals: true,
  idOf: ({ number }) => `W-${number}`,
};

const untaxed = { taxIncluded: false };

/** Four digits behind the sign, discounts below zero. */
const magento: ShopForm = {
  profile: "magento",
  delimiter: ",",
  write: (shop) => {
    const four = (cents: number, { currency }: ShopOrder): Cell => ({
      cents,
      currency,
      digits: 4,
    });
    return tableOf(shop, [
      ["increment_id", ({ order }) => `00000${order.number}`],
      ["created_at", ({ order }) => ({ at: order.placedAt, form: "space" })],
      [
        "status",
        word({ open: "pending", paid: "processing", refunded: "closed", cancelled: "canceled" }),
      ],
      ["order_currency_code", ({ order }) => order.currency],
      ["customer_email", ({ order }) => order.email],
      ["customer_firstname", ({ order }) => order.name],
      ["customer_lastname", () => "Shopper"],
      ["shipping_amount", ({ order }) => four(shippingCents(order), order)],
      ["tax_amount", ({ order }) => four(taxCents(order), order)],
      ["discount_amount", ({ order }) => four(-discountCents(order), order)],
      ["grand_total", ({ order }) => four(totalCents(order, untaxed), order)],
      ["sku", ({ item }) => item.sku],
      ["name", ({ item }) => item.name],
      ["qty_ordered", ({ item }) => units(item.qty, 4)],
      ["price", ({ order, item }) => four(item.price, order), "spare"],
      ["row_total", ({ order, item }) => four(item.price * item.qty, order)],
    ]);
  },
  tell: (order) => told(order, untaxed),
  namesTotals: true,
  idOf: ({ number }) => `00000${number}`,
};

/** Amounts are written with their currency, and nowhere else is it said. */
const ebay: ShopForm = {
  profile: "ebay",
  delimiter: ",",
  write: (shop) => {
    const named = (cents: number, { currency }: ShopOrder): Cell => ({
      cents,
      currency,
      named: true,
    });
    return tableOf(shop, [
      ["Sales Record Number", ({ order }) => String(order.number)],
      ["Order Number", ({ order }) => `07-1${order.number}-2`],
      ["Buyer Username", ({ order }) => `buyer${order.number}`],
      ["Buyer Name", ({ order }) => order.name],
      ["Buyer Email", ({ order }) => order.email],
      ["Item Number", ({ line }) => `2000000${line}`],
      ["Item Title", ({ item }) => item.name],
      ["Custom Label", ({ item }) => item.sku],
      ["Quantity", ({ item }) => String(item.qty)],
      ["Sold For", ({ order, item }) => named(item.price, order)],
      ["Shipping And Handling", once(({ order }) => named(shippingCents(order), order))],
      ["Seller Collected Tax", once(({ order }) => named(taxCents(order), order))],
      [
        "Total Price",
        once(({ order }) => named(totalCents(order, untaxed) + discountCents(order), order)),
      ],
      ["Sale Date", ({ order }) => ({ at: order.placedAt, form: "month-name" })],
      [
        "Paid On Date",
        once(({ order }) =>
          order.state === "open" ? "" : { at: order.placedAt, form: "month-name" }
        ),
      ],
    ]);
  },
  tell: (order) => ({
    totalCents: totalCents(order, untaxed) + discountCents(order),
    state: order.state === "open" ? "open" : "paid",
    placedAt: undefined,
  }),
  namesTotals: true,
  idOf: ({ number }) => `07-1${number}-2`,
};

/** Days with the month first and years of two digits; no totals. */
const etsy: ShopForm = {
  profile: "etsy",
  delimiter: ",",
  write: (shop) =>
    tableOf(shop, [
      ["Sale Date", ({ order }) => ({ at: order.placedAt, form: "day" })],
      ["Item Name", ({ item }) => item.name],
      ["Buyer", ({ order }) => order.name],
      ["Quantity", ({ item }) => String(item.qty)],
      ["Price", ({ order, item }) => money(item.price, order)],
      ["Coupon Code", ({ item }) => item.discount > 0 ? "CODE" : "", "spare"],
      ["Discount Amount", ({ order, item }) => money(item.discount, order)],
      ["Shipping Discount", ({ order }) => money(0, order), "spare"],
      ["Order Shipping", ({ order }) => money(shippingCents(order), order)],
      ["Order Sales Tax", ({ order }) => money(taxCents(order), order)],
      ["Item Total", ({ order, item }) => money(item.price * item.qty, order), "spare"],
      ["Currency", ({ order }) => order.currency],
      ["Transaction ID", ({ order, line }) => `30${order.number}${line}`],
      ["Listing ID", ({ line }) => `40000${line}`],
      [
        "Date Paid",
        ({ order }) => order.state === "open" ? "" : { at: order.placedAt, form: "day" },
      ],
      ["Ship Name", ({ order }) => order.name, "spare"],
      ["Order ID", ({ order }) => `31000${order.number}`],
      ["SKU", ({ item }) => item.sku],
    ]),
  tell: (order) => ({
    totalCents: totalCents(order, untaxed),
    state: order.state === "open" ? "open" : "paid",
    placedAt: undefined,
  }),
  namesTotals: false,
  idOf: ({ number }) => `31000${number}`,
};

/** What an order comes to stands on each of its rows, days without a clock, and nothing tells what has no column. */
const square: ShopForm = {
  profile: "square",
  delimiter: ",",
  write: (shop) =>
    tableOf(shop, [
      ["Order", ({ order }) => `Online ${order.number}`],
      ["Order Date", ({ order }) => ({ at: order.placedAt, form: "iso-day" })],
      ["Currency", ({ order }) => order.currency],
      ["Order Subtotal", ({ order }) => money(itemsCents(order), order), "spare"],
      ["Order Shipping Price", ({ order }) => money(shippingCents(order), order)],
      ["Order Tax Total", ({ order }) => money(taxCents(order), order)],
      [
        "Order Total",
        ({ order, shop }) => money(totalCents(order, shop) + discountCents(order), order),
      ],
      [
        "Order Refunded Amount",
        ({ order, shop }) => money(refundedAtSquare(order, shop), order),
      ],
      [
        "Fulfillment Status",
        word({
          open: "Completed",
          paid: "Completed",
          refunded: "Completed",
          cancelled: "Canceled",
        }),
      ],
      ["Recipient Name", ({ order }) => order.name],
      ["Recipient Email", ({ order }) => order.email],
      ["Item Quantity", ({ item }) => String(item.qty)],
      ["Item Name", ({ item }) => item.name],
      ["Item SKU", ({ item }) => item.sku],
      ["Item Variation", () => "Regular", "spare"],
      ["Item Price", ({ order, item }) => money(item.price, order), "spare"],
      ["Item Options Total Price", ({ order }) => money(0, order), "spare"],
      ["Item Total Price", ({ order, item }) => money(item.price, order)],
    ]),
  tell: (order, shop) => ({
    totalCents: totalCents(order, shop) + discountCents(order),
    state: order.state === "cancelled" || refundedAtSquare(order, shop) > 0 ? order.state : "paid",
    placedAt: undefined,
  }),
  namesTotals: true,
  idOf: ({ number }) => `Online ${number}`,
};

function refundedAtSquare(order: ShopOrder, shop: Shop): number {
  return order.state === "refunded" ? totalCents(order, shop) + discountCents(order) : 0;
}

/** Rows of one order follow its first one without saying so; what is shipped is a line like any other. */
const odoo: ShopForm = {
  profile: "odoo",
  delimiter: ",",
  write: (shop) =>
    tableOf(shop, [
      ["Order Reference", once(({ order }) => `S${order.number}`)],
      ["Order Date", once(({ order }) => ({ at: order.placedAt, form: "space" }))],
      ["Customer", once(({ order }) => order.name)],
      ["Customer/Email", once(({ order }) => order.email)],
      ["Currency", once(({ order }) => order.currency)],
      [
        "Status",
        once(
          word({
            open: "Sales Order",
            paid: "Sales Order",
            refunded: "Cancelled",
            cancelled: "Cancelled",
          }),
        ),
      ],
      ["Order Lines/Product", ({ item }) => item.name],
      ["Order Lines/Product/Internal Reference", ({ item }) => item.sku],
      ["Order Lines/Quantity", ({ item }) => units(item.qty, 1)],
      ["Order Lines/Unit Price", ({ order, item }) => money(item.price, order), "spare"],
      [
        "Order Lines/Subtotal",
        ({ order, item }) => money(item.price * item.qty - item.discount, order),
      ],
      ["Taxes", once(({ order }) => money(taxCents(order), order))],
      [
        "Total",
        once(({ order }) => money(totalCents(order, untaxed) - shippingCents(order), order)),
      ],
    ]),
  tell: (order) => ({
    totalCents: totalCents(order, untaxed) - shippingCents(order),
    state: order.state === "paid" ? "open" : order.state,
    placedAt: order.placedAt,
  }),
  namesTotals: true,
  idOf: ({ number }) => `S${number}`,
};

/** The forms there are, by the names of their profiles. */
export const shopForms: readonly ShopForm[] = [
  native,
  shopify,
  woocommerce,
  magento,
  amazon,
  ebay,
  etsy,
  square,
  odoo,
];

/** Amounts of the file in minor units, as our own header asks for. */
export function inMinorUnits(table: Table): Table {
  const rows = table.rows.map((row) =>
    row.map((cell) => typeof cell === "object" && "cents" in cell ? String(cell.cents) : cell)
  );
  return { ...table, rows };
}

/** How a country writes. */
export interface Habits {
  decimal: "." | ",";
  /** Between thousands; empty for nothing. */
  grouping: "" | "." | "," | " " | "'" | "\u00a0";
  /** Zeros at the end are cut, as spreadsheets do: `19.9`, `12`. */
  trimmed: boolean;
  /** Where the currency's own sign or name stands. */
  symbol: "none" | "before" | "behind" | "name";
  /** What the order's times become; undefined for what the shop writes. */
  time: "dmy." | "dmy/" | "mdy/" | "mdy12" | undefined;
}

/** The text of a cell. */
export function textOf(cell: Cell, habits: Habits): string {
  if (typeof cell === "string") return cell;
  return "cents" in cell ? amountText(cell, habits) : timeText(cell, habits);
}

const signs: Readonly<Record<string, string>> = { EUR: "€", USD: "US $", GBP: "£", JPY: "¥" };

function amountText(
  { cents, currency, digits, named }: AmountCell,
  { decimal, grouping, trimmed, symbol }: Habits,
): string {
  const plain = inUnits(Math.abs(cents), currency);
  let [whole, fraction = ""] = plain.split(".") as [string, string?];
  if (digits !== undefined) fraction = fraction.padEnd(digits, "0");
  whole = whole.replace(/\B(?=(\d{3})+$)/g, grouping);
  if (trimmed) fraction = fraction.replace(/0+$/, "");
  const amount = fraction === "" ? whole : whole + decimal + fraction;
  const sign = cents < 0 ? "-" : "";
  const own = signs[currency] ?? `${currency} `;
  switch (named === false ? "none" : symbol === "none" && named ? "before" : symbol) {
    case "none":
      return sign + amount;
    case "before":
      return sign + own + amount;
    case "behind":
      return `${sign}${amount} ${own.trim()}`;
    case "name":
      return `${currency} ${sign}${amount}`;
  }
}

const two = (n: number) => String(n).padStart(2, "0");

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function timeText({ at, form }: { at: number; form: TimeForm }, { time }: Habits): string {
  const date = new Date(at);
  const [y, m, d] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  const hours12 = date.getUTCHours() % 12 === 0 ? 12 : date.getUTCHours() % 12;
  const half = date.getUTCHours() < 12 ? "AM" : "PM";
  switch (time) {
    case "dmy.":
      return `${two(d)}.${two(m)}.${y} ${clock}`;
    case "dmy/":
      return `${two(d)}/${two(m)}/${y} ${clock}`;
    case "mdy/":
      return `${m}/${d}/${y} ${clock}`;
    case "mdy12":
      return `${m}/${d}/${y} ${hours12}:${two(date.getUTCMinutes())} ${half}`;
  }
  const iso = `${y}-${two(m)}-${two(d)}`;
  switch (form) {
    case "iso":
      return `${iso}T${clock}:00+00:00`;
    case "iso-day":
      return iso;
    case "offset": {
      // Somewhere in America: five hours behind.
      const there = new Date(at - 5 * 3_600_000).toISOString();
      return `${there.slice(0, 10)} ${there.slice(11, 19)} -0500`;
    }
    case "us":
      return `${m}/${d}/${y} ${clock}`;
    case "day":
      return `${two(m)}/${two(d)}/${String(y).slice(2)}`;
    case "month-name":
      return `${months[m - 1]}-${two(d)}-${String(y).slice(2)}`;
    default:
      return `${iso} ${clock}:00`;
  }
}
