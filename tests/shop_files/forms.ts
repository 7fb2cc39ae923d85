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

/** What a file says of an order. */
export interface Told {
  totalCents: number;
  state: ShopState;
  /** Milliseconds since 1970; undefined where the form has days only. */
  placedAt: number | undefined;
}

/** A cell: money and times are written later, by the habits of the country. */
export type Cell =
  | string
  | { cents: number; currency: string }
  | { at: number; form: TimeForm };

/** How a time is written by a shop; `local` is what spreadsheets of a country make of it. */
export type TimeForm = "iso" | "offset" | "space" | "us" | "day" | "month-name" | "local";

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

/** Said on the first row of an order only. */
const once = (cell: (at: At) => Cell) => (at: At): Cell => at.first ? cell(at) : "";

const word = (words: Record<ShopState, string>) => ({ order }: At): Cell => words[order.state];

const told = (order: ShopOrder, shop: Shop): Told => ({
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
      ["payments-date", ({ order }) => ({ at: order.placedAt, form: "iso" }), "spare"],
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

/** The forms there are, by the names of their profiles. */
export const shopForms: readonly ShopForm[] = [shopify, amazon, native];

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
  /** Put before or after the amount. */
  symbol: "" | "€ " | " €" | "$" | "EUR ";
  /** What the order's times become; undefined for what the shop writes. */
  time: "dmy." | "dmy/" | "mdy/" | "mdy12" | undefined;
}

/** The text of a cell. */
export function textOf(cell: Cell, habits: Habits): string {
  if (typeof cell === "string") return cell;
  return "cents" in cell ? amountText(cell, habits) : timeText(cell, habits);
}

function amountText(
  { cents, currency }: { cents: number; currency: string },
  { decimal, grouping, trimmed, symbol }: Habits,
): string {
  const plain = inUnits(Math.abs(cents), currency);
  let [whole, fraction = ""] = plain.split(".") as [string, string?];
  whole = whole.replace(/\B(?=(\d{3})+$)/g, grouping);
  if (trimmed) fraction = fraction.replace(/0+$/, "");
  const amount = fraction === "" ? whole : whole + decimal + fraction;
  const sign = cents < 0 ? "-" : "";
  return symbol.startsWith(" ") ? sign + amount + symbol : sign + symbol + amount;
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
