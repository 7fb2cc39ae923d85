/**
 * Orders as a shop knows them: the truth that its files tell in one form or another.
 *
 * @module
 */

import fc from "fast-check";
import { currencyDigits } from "../../domain/money.ts";

/** What a shop says of an order's money. */
export type ShopState = "open" | "paid" | "refunded" | "cancelled";

/** One line of an order. */
export interface ShopItem {
  sku: string;
  name: string;
  /** Of one, in minor units. */
  price: number;
  qty: number;
  /** Its part of the order's tax, shipping and discount, for forms that say them by line. */
  tax: number;
  shipping: number;
  discount: number;
}

/** An order, amounts in minor units. */
export interface ShopOrder {
  number: number;
  /** Milliseconds since 1970, whole minutes. */
  placedAt: number;
  currency: string;
  email: string;
  name: string;
  items: ShopItem[];
  state: ShopState;
}

/** A shop: its habits are the same in all of its files. */
export interface Shop {
  orders: ShopOrder[];
  currency: string;
  /** Prices contain the tax. */
  taxIncluded: boolean;
}

const sum = (order: ShopOrder, part: (item: ShopItem) => number) =>
  order.items.reduce((all, item) => all + part(item), 0);

/** What the items cost. */
export const itemsCents = (order: ShopOrder) => sum(order, ({ price, qty }) => price * qty);

/** What the order's lines say together. */
export const taxCents = (order: ShopOrder) => sum(order, ({ tax }) => tax);
export const shippingCents = (order: ShopOrder) => sum(order, ({ shipping }) => shipping);
export const discountCents = (order: ShopOrder) => sum(order, ({ discount }) => discount);

/** What the customer agreed to pay. */
export function totalCents(order: ShopOrder, { taxIncluded }: Pick<Shop, "taxIncluded">): number {
  return itemsCents(order) + shippingCents(order) - discountCents(order) +
    (taxIncluded ? 0 : taxCents(order));
}

/** An amount in units, with the digits that the currency has: `12.50`, `2500` of yen. */
export function inUnits(cents: number, currency: string): string {
  const digits = currencyDigits(currency);
  const sign = cents < 0 ? "-" : "";
  const text = String(Math.abs(cents)).padStart(digits + 1, "0");
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** Letters that Western code pages have, quotation marks, commas and semicolons among them. */
const nameOf = fc.string({
  unit: fc.constantFrom(..."abcdefgh XYZ äöüßéèñø ,;'\"&0123-./"),
  minLength: 1,
  maxLength: 16,
}).map((text) => `N${text.trim()}`.replaceAll(/ +/g, " "));

const item = fc.record({
  sku: fc.integer({ min: 1, max: 40 }).map((n) => `SKU-${n}`),
  name: nameOf,
  price: fc.oneof(
    fc.integer({ min: 0, max: 20_000 }),
    fc.integer({ min: 1, max: 400 }).map((n) => n * 100),
    fc.integer({ min: 100_000, max: 9_999_999 }),
  ),
  qty: fc.integer({ min: 1, max: 12 }),
  tax: fc.integer({ min: 0, max: 999 }),
  shipping: fc.constantFrom(0, 0, 490, 500, 1_000),
  discount: fc.constant(0),
});

const state: fc.Arbitrary<ShopState> = fc.constantFrom(
  "open",
  "open",
  "paid",
  "paid",
  "refunded",
  "cancelled",
);

const day = Date.UTC(2026, 0, 1);

/** A shop with a few orders, so that its files show its habits or leave them open. */
export const shops: fc.Arbitrary<Shop> = fc.record({
  currency: fc.constantFrom("EUR", "EUR", "USD", "GBP", "JPY", "KWD"),
  taxIncluded: fc.boolean(),
  taxed: fc.boolean(),
  discounted: fc.boolean(),
  drafts: fc.array(
    fc.record({
      minutes: fc.integer({ min: 0, max: 300 * 1_440 }),
      items: fc.array(item, { minLength: 1, maxLength: 4 }),
      cut: fc.integer({ min: 0, max: 30 }),
      name: nameOf,
      state,
    }),
    { minLength: 1, maxLength: 12 },
  ),
}).map(({ currency, taxIncluded, taxed, discounted, drafts }) => ({
  currency,
  taxIncluded,
  orders: drafts.map(({ minutes, items, cut, name, state }, index) => ({
    number: 1_001 + index,
    placedAt: day + minutes * 60_000,
    currency,
    email: `k${index}@shop.example`,
    name,
    state,
    items: items.map((one, line) => ({
      ...one,
      sku: `${one.sku}-${line}`,
      // Prices that contain it are no less.
      tax: taxed ? Math.min(one.tax, one.price * one.qty) : 0,
      // Some percent of the line, so that no total falls below zero.
      discount: discounted ? Math.floor(one.price * one.qty * cut / 100) : 0,
    })),
  })),
}));
