import assert from "node:assert/strict";
import type { WorkflowError } from "../../../domain/errors.ts";
import { native } from "../../../domain/import/profile/shipped/native.ts";
import {
  fileBytes,
  plainHeader,
  plainProfile,
  plainRow,
  readByProfile,
  settingsOf,
} from "./profiles.ts";

Deno.test("openProfiledFile() reads Shopify's export: paid, refunded and voided orders", async () => {
  const read = await readByProfile(await fileBytes("01-shopify-export.csv"));
  assert.equal(read.file.settings.name, "shopify");
  assert.deepEqual(read.orders, {
    "#1001": "53.50 EUR paid",
    "#1002": 'skipped: Financial Status is "refunded"',
    "#1003": 'skipped: Financial Status is "voided"',
  });
  assert.deepEqual(read.file.agreement(), { named: 1, agree: 1 });
});

for (
  const [name, total] of [
    ["02-shopify-renamed.csv", { "#1001": "54.00 EUR due", "#1002": "18.00 EUR due" }],
    ["03-continuation-rows-without-id.csv", {
      S00041: "1,370.00 EUR due",
      S00042: "120.00 EUR due",
    }],
  ] as const
) {
  Deno.test(`openProfiledFile() asks whether rows continue the order above: ${name}`, async () => {
    const bytes = await fileBytes(name);
    assert.deepEqual(settingsOf(await readByProfile(bytes)), ["fill_down"]);
    assert.deepEqual((await readByProfile(bytes, { fillDown: "order" })).orders, total);
  });
}

Deno.test("openProfiledFile() takes Amazon's amounts for those of the line, and its taxes by the marketplace", async () => {
  const read = await readByProfile(await fileBytes("04-amazon-order-report.txt"), {
    file: { encoding: "windows-1252" },
  });
  assert.equal(read.file.settings.name, "amazon");
  assert.deepEqual(read.orders, {
    "302-5550001-5550001": "49.96 EUR paid",
    "302-5550002-5550002": "17.99 EUR paid",
  });
  const dollars = new TextDecoder("windows-1252")
    .decode(await fileBytes("04-amazon-order-report.txt")).replaceAll("EUR", "USD");
  assert.deepEqual((await readByProfile(dollars)).orders, {
    "302-5550001-5550001": "57.94 USD paid",
    "302-5550002-5550002": "21.18 USD paid",
  });
});

Deno.test("openProfiledFile() settles decimal commas, and asks for the order of dates", async () => {
  const bytes = await fileBytes("06-excel-de-sep-semicolon.csv");
  const file = { encoding: "windows-1252" };
  const asked = await readByProfile(bytes, { file });
  assert.deepEqual(settingsOf(asked), ["time.order"]);
  assert.equal(asked.file.settings.money?.decimal, ",");
  assert.equal(asked.file.settings.money?.in, "by_decimals");
  const time = { order: "dmy", zone: "Europe/Berlin" } as const;
  assert.deepEqual((await readByProfile(bytes, { file, time })).orders, {
    "R-1": "1,630.56 EUR due",
    "R-2": "19.90 EUR due",
  });
});

Deno.test("openProfiledFile() reads Unicode text of spreadsheets, and line ends that are CR", async () => {
  assert.deepEqual((await readByProfile(await fileBytes("07-excel-unicode-text.txt"))).orders, {
    "U-1": "99.00 EUR due",
  });
  assert.deepEqual((await readByProfile(await fileBytes("18-cr-only.csv"))).orders, {
    "M-1": "12.00 EUR due",
    "M-2": "60.00 EUR due",
  });
});

Deno.test("openProfiledFile() rejects one row with a stray quote, and a footer, by their lines", async () => {
  const inch = await readByProfile(await fileBytes("16-inch-mark.csv"));
  assert.equal(Object.keys(inch.orders).length, 999);
  assert.equal(inch.rejected.length, 1);
  assert.match(inch.rejected[0]!, /^701: /);
  const footer = await readByProfile(await fileBytes("17b-summary-row-of-another-length.csv"));
  assert.deepEqual(Object.keys(footer.orders), ["B-1", "B-2"]);
  assert.equal(footer.rejected.length, 1);
});

Deno.test("openProfiledFile() refuses ids that a spreadsheet has destroyed", async () => {
  await assert.rejects(
    async () => readByProfile(await fileBytes("15-scientific-ids.csv")),
    (error: WorkflowError) =>
      error.code === "invalid" && /ids like 1\.23457E\+12.*export again/.test(error.message),
  );
});

Deno.test("openProfiledFile() reads the times of a column by its profile, and names the night of the change", async () => {
  const bytes = await fileBytes("27-times.csv");
  assert.deepEqual(settingsOf(await readByProfile(bytes)), ["time.order"]);
  const read = await readByProfile(bytes, { time: { order: "mdy", zone: "Europe/Berlin" } });
  assert.equal(Object.keys(read.orders).length, 13);
  assert.match(read.rejected.join(), /^15: order_placed_at: does not exist in Europe\/Berlin/);
});

Deno.test("openProfiledFile() reads rejects that a spreadsheet has saved", async () => {
  const bytes = await fileBytes("28-rejects-saved-by-excel.csv");
  assert.deepEqual(settingsOf(await readByProfile(bytes)), ["time.order"]);
  const read = await readByProfile(bytes, { time: { order: "mdy", zone: "UTC" } });
  assert.deepEqual(read.orders, { "EX-41": "35.64 GBP due" });
  assert.equal(read.file.rows, 2);
});

Deno.test("openProfiledFile() holds totals against the file, and says what the amounts are of", async () => {
  const bytes = await fileBytes("11-shipping-tax-discount.csv");
  const read = await readByProfile(bytes);
  assert.deepEqual(read.orders, { "T-1": "32.00 EUR due", "T-2": "34.90 EUR due" });
  const included = native.adjustments!.map((one) =>
    one.kind === "tax" ? { ...one, included: true } : one
  );
  const rejected = await readByProfile(bytes, { adjustments: included });
  assert.deepEqual(Object.keys(rejected.orders), ["T-2"]);
  assert.match(rejected.rejected.join(), /= 26\.50, the file says 32\.00/);
  assert.deepEqual(rejected.file.agreement().largest, {
    differenceCents: -550,
    currency: "EUR",
    externalOrderId: "T-1",
  });
  assert.deepEqual((await readByProfile(await fileBytes("23-yen-and-dinar.csv"))).orders, {
    "Y-1": "2,500 JPY due",
    "Y-2": "2.510 KWD due",
    "Y-3": "30,000 KRW due",
  });
});

Deno.test("openProfiledFile() keeps guests with one id apart, a SKU at two prices, and a free order", async () => {
  const guests = await readByProfile(await fileBytes("09-guests-with-customer-id-0.csv"), {
    guestIds: ["0"],
  });
  assert.deepEqual(guests.orders, {
    7001: "12.00 EUR due",
    7002: "30.00 EUR due",
    7003: "198.00 EUR due",
  });
  const twice = await readByProfile(await fileBytes("25-same-sku-twice-and-free-order.csv"));
  assert.deepEqual(twice.orders, { "V-1": "30.00 EUR due", "V-2": "0.00 EUR due" });
});

for (
  const [what, renamed] of [
    ["shipping", { Ship: "Transport" }],
    ["total", { Sum: "Comes to" }],
    ["time of cancellation", { Cancelled: "Ended" }],
  ] as const
) {
  Deno.test(`openProfiledFile() refuses a file that has lost the ${what} of a profile of one's own`, async () => {
    const profile = {
      ...plainProfile,
      status: { columns: [], skipFilled: ["Cancelled"], otherwise: "charge" as const },
    };
    const [[theirs, now]] = Object.entries(renamed) as [[string, string]];
    const line = `${plainRow("A-1", "9.00", 1, "4.90", "13.90")};`;
    const sound = `${plainHeader};Cancelled\n${line}`;
    assert.deepEqual((await readByProfile(sound, {}, profile)).orders, { "A-1": "13.90 EUR due" });
    await assert.rejects(
      readByProfile(sound.replace(theirs, now), {}, profile),
      new RegExp(`the column "${theirs}" is missing`),
    );
    // Of several names one is enough.
    const either = JSON.parse(
      JSON.stringify(profile).replaceAll(`["${theirs}"]`, `["${theirs}","${now}"]`),
    );
    assert.deepEqual((await readByProfile(sound.replace(theirs, now), {}, either)).orders, {
      "A-1": "13.90 EUR due",
    });
  });
}

Deno.test("openProfiledFile() puts the profile's prefix before every order id", async () => {
  const header = "external_order_id,order_placed_at,currency,customer_id,customer_email," +
    "customer_name,product_sku,product_name,unit_price_cents,qty,payment_status";
  const read = await readByProfile(
    `${header}\n#1001,2026-01-05 10:00:00Z,EUR,1,a@example.com,Ann,MUG,Mug,1250,2,due\n`,
    { orderIdPrefix: "de-" },
    native,
  );
  assert.deepEqual(read.orders, { "de-#1001": "25.00 EUR due" });
});
