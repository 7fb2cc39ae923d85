import assert from "node:assert/strict";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { readByProfile } from "./profiles.ts";

const till: ImportProfile = {
  version: 1,
  name: "till",
  columns: {
    external_order_id: ["Receipt"],
    order_placed_at: ["Date"],
    currency: ["Currency"],
    customer_name: ["Customer"],
    product_sku: ["Item"],
    product_name: ["Item"],
    price: ["Price"],
    qty: ["Pieces"],
  },
  time: { zone: "UTC" },
  money: { in: "units" },
};

/** A file with one order for each price, and what became of it. */
async function read(currency: string, prices: readonly string[], qty = "1") {
  const rows = prices.map((price, at) =>
    `R${at + 1};2026-01-05 10:00:00;${currency};Ann;MUG;"${price}";${qty}`
  );
  const text = ["Receipt;Date;Currency;Customer;Item;Price;Pieces", ...rows].join("\n");
  const { file, orders, rejected } = await readByProfile(text, {}, till);
  return {
    asked: file.questions.map(({ setting }) => setting),
    sums: Object.values(orders).map((one) => one.replace(/ due$/, "")),
    rejected,
  };
}

for (
  const [what, currency, prices, sums] of [
    ["Indian groups", "INR", ["1,00,000.00", "12,34,567.50", "99.00", "₹ 1,234.00", "Rs. 500.00"], [
      "100,000.00 INR",
      "1,234,567.50 INR",
      "99.00 INR",
      "1,234.00 INR",
      "500.00 INR",
    ]],
    ["full width", "JPY", ["１２３", "￥１，２００", "４５６円"], [
      "123 JPY",
      "1,200 JPY",
      "456 JPY",
    ]],
    ["a dash for no cents, Swiss", "CHF", ["12.–", "CHF 1'200.-", "12.50", "Fr. 8.--"], [
      "12.00 CHF",
      "1,200.00 CHF",
      "12.50 CHF",
      "8.00 CHF",
    ]],
    ["a dash for no cents, Dutch and German", "EUR", ["12,—", "€ 1.200,-", "5,-- €"], [
      "12.00 EUR",
      "1,200.00 EUR",
      "5.00 EUR",
    ]],
    ["yen in groups", "JPY", ["1,200", "3,450"], ["1,200 JPY", "3,450 JPY"]],
    ["pesos in groups", "CLP", ["1.250", "$3.990"], ["1,250 CLP", "3,990 CLP"]],
    ["euros beside amounts", "EUR", ["€ 12,50", "12,50 €", "EUR 1.012,50", "12,50\u00a0€"], [
      "12.50 EUR",
      "12.50 EUR",
      "1,012.50 EUR",
      "12.50 EUR",
    ]],
    ["codes beside amounts", "USD", ["USD 12.50", "12.50 USD", "$12.50", "US$ 1,012.50"], [
      "12.50 USD",
      "12.50 USD",
      "12.50 USD",
      "1,012.50 USD",
    ]],
    ["Swiss apostrophes", "CHF", ["1'234.50", "1’234.50", "CHF 12.50", "Fr. 12.50"], [
      "1,234.50 CHF",
      "1,234.50 CHF",
      "12.50 CHF",
      "12.50 CHF",
    ]],
    ["narrow blanks", "EUR", ["1\u202f234,50", "1\u00a0234,50", "1\u2009234,50 €"], [
      "1,234.50 EUR",
      "1,234.50 EUR",
      "1,234.50 EUR",
    ]],
    ["entities", "EUR", ["&euro;12,50", "12,50&nbsp;&euro;", "&#8364; 12,50"], [
      "12.50 EUR",
      "12.50 EUR",
      "12.50 EUR",
    ]],
    ["crowns", "DKK", ["kr. 12,50", "12,50 kr.", "1.012,50 kr"], [
      "12.50 DKK",
      "12.50 DKK",
      "1,012.50 DKK",
    ]],
  ] as const
) {
  Deno.test(`openProfiledFile() reads amounts of a whole file: ${what}`, async () => {
    assert.deepEqual(await read(currency, prices), { asked: [], sums, rejected: [] });
  });
}

Deno.test("openProfiledFile() refuses amounts in other digits, percentages and what is below zero, each with its remedy", async () => {
  for (const price of ["١٢٫٥٠", "۱۲۳", "१२३.५०"]) {
    const { sums, rejected } = await read("EUR", [price, "12.50"]);
    assert.deepEqual(sums, ["12.50 EUR"]);
    assert.match(rejected[0]!, /^2: Price: must be an amount in the digits 0 to 9/, price);
  }
  for (const price of ["12.50-", "(12.50)", "-12.50", "€ (12.50)", "−12.50", "- 12.50 €"]) {
    const { sums, rejected } = await read("EUR", [price, "3.00"]);
    assert.deepEqual(sums, ["3.00 EUR"]);
    assert.match(rejected[0]!, /^2: Price: must not be below zero/, price);
  }
  for (const price of ["10 %", "10%", "10.5 %", "-10%"]) {
    assert.match((await read("EUR", [price, "3.00"])).rejected[0]!, /is a percentage/, price);
  }
  for (const price of ["12.-5", "R.50", "1,00,00.00", "1,2345,678.00", "12 50", "1234'50"]) {
    const { sums, rejected } = await read("EUR", [price, "3.00"]);
    assert.deepEqual([sums, rejected.length], [["3.00 EUR"], 1], price);
  }
});

Deno.test("openProfiledFile() takes no point behind a word for a decimal sign", async () => {
  assert.deepEqual((await read("IDR", ["Rp.15.000,00", "Rp.500", "Rp. 1.500"])).sums, [
    "15,000.00 IDR",
    "500.00 IDR",
    "1,500.00 IDR",
  ]);
  for (const [currency, price] of [["GTQ", "Q.150"], ["HNL", "L.50"], ["ZAR", "R.50"]] as const) {
    const { sums, rejected } = await read(currency, [price, "3.00"]);
    assert.deepEqual([sums, rejected.length], [[`3.00 ${currency}`], 1], price);
    assert.match(rejected[0]!, /^2: Price: must be an amount/);
  }
  assert.deepEqual((await read("USD", ["$.50", "USD .50"])).sums, ["0.50 USD", "0.50 USD"]);
});

Deno.test("openProfiledFile() asks for the decimal sign where a currency without parts does not tell it", async () => {
  assert.deepEqual((await read("JPY", ["1,000", "2,000"])).asked, ["money.decimal"]);
  assert.deepEqual((await read("JPY", ["1,200", "1.200"])).asked, ["money.decimal"]);
  assert.deepEqual((await read("EUR", ["1,200"])).asked, ["money.decimal"]);
});

Deno.test("openProfiledFile() reads numbers of pieces in full width", async () => {
  assert.deepEqual((await read("EUR", ["2.50"], "３")).sums, ["7.50 EUR"]);
});
