import assert from "node:assert/strict";
import { meantByMoneyField, type MoneyPlace } from "../../../domain/order/money_field.ts";

const known: Readonly<Record<MoneyPlace, readonly string[]>> = {
  order: [
    ...["external_order_id", "placed_at", "currency", "customer", "items", "adjustments"],
    ...["total_cents", "payment", "language"],
  ],
  item: ["sku", "name", "unit_price_cents", "qty"],
  adjustment: ["kind", "label", "amount_cents", "included"],
  payment: ["status", "provider", "reference", "paid_at", "method", "customer", "method_type"],
};

const meant: Readonly<Record<MoneyPlace, Readonly<Record<string, string>>>> = {
  order: {
    payments: "payment",
    payement: "payment",
    payment_status: "payment",
    paymentReference: "payment",
    paid: "payment",
    financial_status_paid: "payment",
    financial_status: "payment",
    financialStatus: "payment",
    gift_card: "adjustments",
    giftCards: "adjustments",
    gift_card_amount: "adjustments",
    transactions: "payment",
    refunded_cents: "payment",
    adjustment: "adjustments",
    discount_cents: "adjustments",
    discount: "adjustments",
    shipping: "adjustments",
    "shipping-cents": "adjustments",
    tax_included: "adjustments",
    tipCents: "adjustments",
    total: "total_cents",
    total_cent: "total_cents",
    order_total_cents: "total_cents",
    grandTotal: "total_cents",
    amount: "total_cents",
    Currency: "currency",
    gesamtbetrag: "total_cents",
  },
  item: {
    unit_price: "unit_price_cents",
    price: "unit_price_cents",
    unitPriceCents: "unit_price_cents",
    total_cents: "unit_price_cents",
    discount: "adjustments of the order",
    tax_rate: "adjustments of the order",
    currency: "unit_price_cents",
    qty_: "qty",
  },
  adjustment: {
    amount: "amount_cents",
    includes: "included",
    tax: "kind",
    value_cents: "amount_cents",
  },
  payment: {
    payment_method: "method",
    amount_cents: "total_cents of the order",
    references: "reference",
    paid: "status",
    fee: "adjustments of the order",
  },
};

Deno.test("meantByMoneyField() tells of fields that may be about money what they should have been", () => {
  for (const place of Object.keys(meant) as MoneyPlace[]) {
    for (const [name, expected] of Object.entries(meant[place])) {
      assert.equal(meantByMoneyField(name, place, known[place]), expected, `${place}: ${name}`);
    }
  }
});

Deno.test("meantByMoneyField() passes over what is about nothing of the kind", () => {
  const harmless: Readonly<Record<MoneyPlace, readonly string[]>> = {
    order: [
      ...["note", "tags", "channel", "source", "shipping_address", "billing_address", "status"],
      ...["shipping_method", "tax_id", "vat_number", "discount_code", "coupon_code", "cost_center"],
      ...[
        "price_list_id",
        "delivery_date",
        "total_items",
        "summary",
        "taxonomy",
        "$schema",
        "",
        "🙂",
      ],
      "x".repeat(100_000),
    ],
    item: [
      "note",
      "date",
      "key",
      "type",
      "url",
      "id",
      "ean",
      "variant",
      "taxable",
      "weight",
      "size",
    ],
    adjustment: ["id", "code", "position"],
    payment: ["id", "card_brand", "last4", "note"],
  };
  for (const place of Object.keys(harmless) as MoneyPlace[]) {
    for (const name of harmless[place]) {
      assert.equal(meantByMoneyField(name, place, known[place]), undefined, name.slice(0, 40));
    }
  }
});
