import assert from "node:assert/strict";
import fc from "fast-check";
import type { WorkflowError } from "../../../domain/errors.ts";
import {
  proposeProfile,
  shippedProfiles,
} from "../../../domain/import/profile/shipped_profiles.ts";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { native } from "../../../domain/import/profile/shipped/native.ts";
import { textCell, workbookOf } from "../../zip_archive.ts";
import { fileBytes, readByProfile, type ReadFile } from "./profiles.ts";

const settingsOf = ({ file }: ReadFile) => file.questions.map(({ setting }) => setting);

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

Deno.test("openProfiledFile() rejects an order of which an item stands there twice by its number", async () => {
  const amazon = [
    "order-id\torder-item-id\tpurchase-date\tpayments-date\tbuyer-email\tbuyer-name\tsku\tproduct-name\t" +
    "quantity-purchased\tcurrency\titem-price\tshipping-price\titem-promotion-discount",
    ...["1\t10", "2\t20", "2\t21", "1\t10"].map((ids) =>
      `${ids}\t2026-01-05T18:54:21Z\t2026-01-05T18:54:21Z\ta@shop.example\tAnn\tMUG\tMug\t1\tEUR\t9.90\t2.00\t0.00`
    ),
    // A second promotion of an item is no second item.
    `2\t21${"\t".repeat(11)}-1.00`,
  ].join("\n");
  const read = await readByProfile(amazon);
  assert.deepEqual(read.orders, { 2: "22.80 EUR paid" });
  const reason =
    "an item of the order stands there twice by order-item-id (lines 2 and 5): remove one of the rows";
  assert.deepEqual(read.rejected, [`2: ${reason}`, `5: ${reason}`]);

  // A sum below all rows has no number, and would be an item of the last order.
  const sums = `${"\t".repeat(6)}All\tAll of it\t4\t\t39.60\t8.00\t0.00`;
  const summed = await readByProfile(amazon.split("\n").slice(0, 4).concat(sums).join("\n"));
  assert.deepEqual(summed.orders, { 1: "11.90 EUR paid" });
  assert.match(
    summed.rejected[0]!,
    /^3: a row of the order has an item without order-item-id \(line 5\)/,
  );

  const { text } = shippedFiles.etsy!;
  const [header, first] = text.split("\n") as [string, string];
  const twice = await readByProfile([header, first, first].join("\n"), shippedFiles.etsy!.more);
  assert.deepEqual(twice.orders, {});
  assert.match(twice.rejected[0]!, /^2: an item of the order stands there twice by Transaction ID/);
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

Deno.test("openProfiledFile() charges nobody while a status column is not mapped", async () => {
  const bytes = await fileBytes("14-already-paid-refunded-cancelled.csv");
  const asked = await readByProfile(bytes);
  assert.deepEqual(settingsOf(asked), ["status.columns"]);
  assert.match(asked.file.questions[0]!.question, /financial_status \(paid, refunded, voided\)/);
  assert.match(asked.file.questions[0]!.question, /"status": \{"columns": \["financial_status",/);
  const half = { columns: ["financial_status"], paid: ["paid"], skip: ["refunded"] };
  const unknown = await readByProfile(bytes, { status: half });
  assert.deepEqual(settingsOf(unknown), ["status"]);
  assert.match(unknown.file.questions[0]!.question, /"voided" \(1 row, line 4\)/);
  const status = { ...half, skip: ["refunded", "VOIDED"] };
  assert.deepEqual((await readByProfile(bytes, { status })).orders, {
    "H-1": "12.00 EUR paid",
    "H-2": 'skipped: financial_status is "refunded"',
    "H-3": 'skipped: financial_status is "voided"',
  });
  const footer = await readByProfile(
    `${new TextDecoder().decode(bytes).trimEnd()}\nTotal,,,,,,,,13100,4,,,\n`,
    { status },
  );
  assert.match(footer.rejected.join(), /^5: .*is empty, and the profile does not say/);
});

const ownHeader =
  "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku,product_name," +
  "unit_price_cents,qty,payment_status";
const ownRow = (id: string, status: string) =>
  `${id},2026-01-05 10:00:00,EUR,K1,a@shop.example,Ann,MUG,Mug,1200,1,${status}`;

Deno.test("openProfiledFile() asks about a status column beside the one that it knows", async () => {
  const rows = [ownRow("P-1", ",cancelled"), ownRow("P-2", "paid,refunded")];
  const asked = await readByProfile([`${ownHeader},order_status`, ...rows].join("\n"));
  assert.deepEqual(settingsOf(asked), ["status.columns"]);
  assert.match(asked.file.questions[0]!.question, /order_status \(cancelled, refunded\)/);
  const blank = await readByProfile(
    [`${ownHeader},order_status`, ownRow("P-1", "paid,")].join("\n"),
  );
  assert.deepEqual(blank.orders, { "P-1": "12.00 EUR paid" });
});

Deno.test("openProfiledFile() says of a discount with the other sign how it is written here", async () => {
  const header = ownHeader.replace(/payment_status$/, "off");
  const rows = [header, ownRow("P-1", "-1.00"), ownRow("P-2", "1.00")].join("\n");
  const discount = { kind: "discount", columns: ["off"], per: "line" } as const;
  const { rejected } = await readByProfile(rows, {
    money: { in: "units" },
    adjustments: [{ ...discount, takenOff: "negative" }],
  });
  assert.match(
    rejected.join(),
    /^3: off: is above zero, and what is taken off is written with a sign here/,
  );
});

Deno.test("openProfiledFile() asks about a column of any name whose values say that money moved", async () => {
  const header = ownHeader.replace(/,payment_status$/, ",transactions,Fulfillment");
  const rows = (transaction: string, parcel: string) =>
    [header, ownRow("P-1", `open,${parcel}`), ownRow("P-2", `${transaction},`)].join("\n");
  const asked = await readByProfile(rows("Paid", "shipped"));
  assert.deepEqual(settingsOf(asked), ["status.columns"]);
  assert.match(asked.file.questions[0]!.question, /transactions \(Paid\)/);
  const passedOver = await readByProfile(rows("Paid", "shipped"), { ignore: ["transactions"] });
  assert.deepEqual(passedOver.orders, { "P-1": "12.00 EUR due", "P-2": "12.00 EUR due" });
  const parcels = await readByProfile(rows("card", "cancelled"));
  assert.deepEqual(parcels.orders, { "P-1": "12.00 EUR due", "P-2": "12.00 EUR due" });
});

Deno.test("openProfiledFile() records no order as paid of which its shop paid a part back", async () => {
  const { text, more } = shippedFiles.etsy!;
  const [head, ...lines] = text.trim().split("\n");
  const refunds = [`${head},Refund Amount`, ...lines.map((line) => `${line},4.00`)].join("\n");
  assert.deepEqual(settingsOf(await readByProfile(refunds, more)), ["status.columns"]);
  const status = { columns: [], paidFilled: ["Date Paid"], skipFilled: ["Refund Amount"] };
  assert.deepEqual((await readByProfile(refunds, { ...more, status })).orders, {
    3001: 'skipped: Refund Amount is "4.00"',
  });
  for (
    const [name, column, id] of [
      ["woocommerce", "refunded_total", "71"],
      ["ebay", "Refunded Amount", "11-2"],
    ] as const
  ) {
    const { text, more, orders } = shippedFiles[name]!;
    const [head, ...lines] = text.trim().split("\n");
    const withRefunds = lines.map((line) =>
      `${line},${line.startsWith(id) || line.includes(`,${id},`) ? "1.00" : "0.00"}`
    );
    const read = await readByProfile([`${head},${column}`, ...withRefunds].join("\n"), more);
    assert.deepEqual(read.orders, { ...orders, [id]: `skipped: ${column} is "1.00"` });
  }
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

Deno.test("openProfiledFile() asks where some of the prices in minor units have decimals", async () => {
  const asked = await readByProfile(await fileBytes("21a-one-bad-row.csv"));
  assert.deepEqual(settingsOf(asked), ["money.in"]);
  const mended = await readByProfile(await fileBytes("21b-mended-rejects.csv"));
  assert.deepEqual(mended.orders, { "G-1": "25.00 EUR due" });
});

const shippedFiles: Record<
  string,
  { text: string; more?: object; orders: Record<string, string> }
> = {
  woocommerce: {
    text:
      `order_id,order_number,date,status,shipping_total,tax_total,discount_total,order_total,order_currency,customer_id,billing_first_name,billing_last_name,billing_email,item_name,item_sku,item_quantity,item_total
71,71,2026-01-05 10:00:00,processing,4.90,5.51,5.40,39.51,EUR,0,Mara,Lind,m@shop.example,Mug,MUG,3,9.10
71,71,2026-01-05 10:00:00,processing,4.90,5.51,5.40,39.51,EUR,0,Mara,Lind,m@shop.example,Pot,POT,1,20.00
72,72,2026-01-05 11:00:00,cancelled,0.00,0.00,0.00,10.00,EUR,9,Otto,Berg,o@shop.example,Mug,MUG,1,10.00
73,73,2026-01-05 12:00:00,pending,0.00,0.00,0.00,10.00,EUR,9,Otto,Berg,o@shop.example,Mug,MUG,1,10.00
`,
    more: { time: { zone: "Europe/Berlin" } },
    orders: { 71: "39.51 EUR paid", 72: 'skipped: status is "cancelled"', 73: "10.00 EUR due" },
  },
  magento: {
    text:
      `increment_id,created_at,status,order_currency_code,customer_id,customer_email,customer_firstname,customer_lastname,shipping_amount,tax_amount,discount_amount,grand_total,sku,name,qty_ordered,price,row_total
000000101,2026-01-05 09:00:00,complete,USD,12,a@shop.example,Ann,Ames,5.0000,2.4000,-3.0000,34.4000,MUG,Mug,2.0000,10.0000,20.0000
,,,,,,,,,,,,POT,Pot,1.0000,10.0000,10.0000
000000102,2026-01-05 10:00:00,canceled,USD,12,a@shop.example,Ann,Ames,0.0000,0.0000,0.0000,10.0000,POT,Pot,1.0000,10.0000,10.0000
`,
    orders: { "000000101": "34.40 USD paid", "000000102": 'skipped: status is "canceled"' },
  },
  ebay: {
    text:
      `Sales Record Number,Order Number,Buyer Username,Buyer Name,Buyer Email,Item Number,Item Title,Custom Label,Quantity,Sold For,Shipping And Handling,Seller Collected Tax,eBay Collected Tax,Total Price,Sale Date,Paid On Date
501,11-1,ann_a,Ann A,a@shop.example,,,,3,,$4.00,$0.00,$2.50,$34.00,Jan-05-26,Jan-05-26
501,11-1,ann_a,,,901,Mug,MUG,2,$10.00,,,,,Jan-05-26,Jan-05-26
501,11-1,ann_a,,,902,Pot,POT,1,$10.00,,,,,Jan-05-26,Jan-05-26
502,11-2,bob_b,Bob B,b@shop.example,901,Mug,MUG,2,$20.00,$0.00,$1.60,$0.00,$21.60,Jan-06-26,Jan-06-26
503,11-3,bob_b,Bob B,b@shop.example,901,Mug,MUG,1,$10.00,$0.00,$0.00,$0.00,$10.00,Jan-06-26,
`,
    more: { constants: { currency: "USD" }, time: { zone: "America/Los_Angeles" } },
    orders: {
      "11-1": "34.00 USD paid",
      "11-2": "21.60 USD paid",
      "11-3": "skipped: Paid On Date is empty",
    },
  },
  etsy: {
    text:
      `Sale Date,Item Name,Buyer,Quantity,Price,Coupon Code,Coupon Details,Discount Amount,Shipping Discount,Order Shipping,Order Sales Tax,Item Total,Currency,Transaction ID,Listing ID,Date Paid,Ship Name,Order ID,SKU
01/25/26,Mug,ann_a,2,12.00,TEN,10% off,2.40,0.00,4.90,0.00,24.00,EUR,1,77,01/25/26,Ann A,3001,MUG
01/25/26,Pot,ann_a,1,30.00,TEN,10% off,3.00,0.00,4.90,0.00,30.00,EUR,2,78,01/25/26,Ann A,3001,POT
`,
    more: { time: { order: "mdy", zone: "UTC" } },
    orders: { 3001: "53.50 EUR paid" },
  },
  square: {
    text:
      `Order,Order Name,Order Date,Currency,Order Subtotal,Order Shipping Price,Order Tax Total,Order Total,Order Refunded Amount,Fulfillment Type,Fulfillment Status,Recipient Name,Recipient Email,Item Quantity,Item Name,Item SKU,Item Variation,Item Modifiers,Item Price,Item Options Total Price,Item Total Price
Online 8F819,,2026-01-05,USD,47.41,5.00,3.46,55.87,,Shipment,Completed,Ann A,a@shop.example,2,Mug,,Blue,1 x Lid,10.50,1.49,11.99
Online 8F819,,2026-01-05,USD,47.41,5.00,3.46,55.87,,Shipment,Completed,Ann A,a@shop.example,1,Pot,POT,Regular,,23.43,0.00,23.43
Online 8F820,,2026-01-05,USD,24.00,,2.00,24.00,0.00,Pickup,Completed,,,2,Mug,,Blue,,12.00,0.00,24.00
Online 8F821,,2026-01-05,USD,12.00,,1.00,13.00,13.00,Pickup,Completed,,,1,Mug,,Blue,,12.00,0.00,12.00
Online 8F822,,2026-01-05,USD,12.00,,1.00,13.00,,Pickup,Canceled,,,1,Mug,,Blue,,12.00,0.00,12.00
Online 8F823,,2026-01-05,USD,12.00,,1.00,11.00,,Pickup,Completed,,,1,Mug,,Blue,,12.00,0.00,12.00
Online 8F824,,2026-01-05,USD,12.00,,1.00,13.00,,,,,,1,Mug,,Blue,,12.00,0.00,12.00
`,
    more: { time: { zone: "UTC" } },
    orders: {
      "Online 8F819": "55.87 USD paid",
      "Online 8F820": "24.00 USD paid",
      "Online 8F821": 'skipped: Order Refunded Amount is "13.00"',
      "Online 8F822": 'skipped: Fulfillment Status is "Canceled"',
      "Online 8F824": "skipped: Fulfillment Status is empty",
    },
  },
  odoo: {
    text:
      `Order Reference,Order Date,Customer,Currency,Order Lines/Product,Order Lines/Quantity,Order Lines/Unit Price,Order Lines/Subtotal,Untaxed Amount,Taxes,Total,Status
S00041,2026-01-05 09:00:00,Lena Voss,EUR,Chair,3,33.34,100.01,140.01,26.60,166.61,Sales Order
,,,,Lamp,1,40.00,40.00,,,,
S00042,2026-01-05 09:30:00,Karl Ernst,EUR,Lamp,1,40.00,40.00,40.00,7.60,47.60,Cancelled
S00043,2026-01-05 09:40:00,Karl Ernst,EUR,Lamp,1,40.00,40.00,40.00,7.60,48.60,Sales Order
`,
    more: { time: { zone: "UTC" } },
    orders: { S00041: "166.61 EUR due", S00042: 'skipped: Status is "Cancelled"' },
  },
};

for (const [name, { text, more, orders }] of Object.entries(shippedFiles)) {
  Deno.test(`openProfiledFile() reads files of ${name} to the cent`, async () => {
    const read = await readByProfile(text, more);
    assert.equal(read.file.settings.name, name);
    assert.deepEqual(read.file.questions, []);
    assert.deepEqual(read.orders, orders);
    const { named, agree } = read.file.agreement();
    assert.equal(named - agree, read.rejected.length);
  });
}

Deno.test("openProfiledFile() asks for what a file does not tell: zone and currency", async () => {
  const zone = await readByProfile(shippedFiles.woocommerce!.text);
  assert.deepEqual(settingsOf(zone), ["time.zone"]);
  assert.deepEqual(settingsOf(await readByProfile(shippedFiles.ebay!.text)), [
    "constants.currency",
    "time.zone",
  ]);
  await assert.rejects(async () => {
    for await (const _ of zone.file.groups()) assert.fail("nothing is decided");
  }, /time\.zone/);
});

const header = "Id;When;Cur;Who;Sku;Item;Price;Qty;Ship;Sum";
const plain = {
  version: 1 as const,
  name: "plain",
  columns: {
    external_order_id: ["Id"],
    order_placed_at: ["When"],
    currency: ["Cur"],
    customer_name: ["Who"],
    product_sku: ["Sku"],
    product_name: ["Item"],
    price: ["Price"],
    qty: ["Qty"],
    order_total: ["Sum"],
  },
  adjustments: [{ kind: "shipping" as const, columns: ["Ship"], per: "order" as const }],
  time: { zone: "UTC" },
};
const row = (id: string, price: string, qty: number, ship: string, sum: string) =>
  `${id};2026-01-05 10:00;EUR;Ann;S;Mug;${price};${qty};${ship};${sum}`;

for (
  const [what, prices, setting] of [
    ["thousands or decimals", ["1,234", "2,500", "7"], "money.decimal"],
    ["units or minor units", ["1234", "2500", "7"], "money.in"],
    ["both decimal signs", ["12.50", "12,50"], "money.decimal"],
  ] as const
) {
  Deno.test(`openProfiledFile() asks rather than guesses: ${what}`, async () => {
    const rows = prices.map((price, at) => row(`A-${at}`, price, 1, "", ""));
    const read = await readByProfile([header, ...rows].join("\n"), {}, plain);
    assert.deepEqual(settingsOf(read), [setting]);
  });
}

for (
  const [what, renamed] of [
    ["shipping", { Ship: "Transport" }],
    ["total", { Sum: "Comes to" }],
    ["time of cancellation", { Cancelled: "Ended" }],
  ] as const
) {
  Deno.test(`openProfiledFile() refuses a file that has lost the ${what} of a profile of one's own`, async () => {
    const profile = {
      ...plain,
      status: { columns: [], skipFilled: ["Cancelled"], otherwise: "charge" as const },
    };
    const [[theirs, now]] = Object.entries(renamed) as [[string, string]];
    const line = `${row("A-1", "9.00", 1, "4.90", "13.90")};`;
    const sound = `${header};Cancelled\n${line}`;
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

Deno.test("openProfiledFile() counts one amount as one", async () => {
  const one = await readByProfile(`${header}\n${row("A-1", "9.50", 1, "", "")}`, {}, plain);
  assert.deepEqual(one.file.notes.slice(-2), [
    "decimal sign: . (by 1 amount such as 9.50)",
    "amounts are in units of the currency (1 has decimals)",
  ]);
});

Deno.test("openProfiledFile() takes no order for paid or cancelled where a column says that it is not", async () => {
  const profile = {
    ...plain,
    money: { in: "units" as const },
    status: {
      columns: [],
      paidFilled: ["Paid"],
      skipFilled: ["Cancelled"],
      otherwise: "charge" as const,
    },
  };
  const words = ["no", "0", "0.00", "false", "0000-00-00", "0000-00-00 00:00:00", "-", "n/a"];
  const rows = words.flatMap((word, at) => [
    `${row(`P-${at}`, "9.00", 1, "", "")};${word};`,
    `${row(`C-${at}`, "9.00", 1, "", "")};yes;${word}`,
  ]);
  const lines = [`${header};Paid;Cancelled`, ...rows, `${row("X", "9.00", 1, "", "")};yes;2026`];
  assert.deepEqual((await readByProfile(lines.join("\n"), {}, profile)).orders, {
    ...Object.fromEntries(words.map((_, at) => [`P-${at}`, "9.00 EUR due"])),
    ...Object.fromEntries(words.map((_, at) => [`C-${at}`, "9.00 EUR paid"])),
    X: 'skipped: Cancelled is "2026"',
  });
});

Deno.test("openProfiledFile() asks where all amounts tell another decimal sign than the profile says", async () => {
  const { text, more } = shippedFiles.magento!;
  // As a spreadsheet saves it in Germany: of 1.053 dinars it would make a thousand.
  const saved = text.replaceAll("USD", "KWD").replaceAll(",", ";")
    .replace("34.4000", "1,053").replace(/(\d)\.(\d)000/g, "$1,$2");
  assert.equal((await readByProfile(saved, more)).file.settings.money?.decimal, ",");
  const pinned = await readByProfile(saved, { ...more, money: { decimal: "." } });
  assert.deepEqual(settingsOf(pinned), ["money.decimal"]);
  assert.match(pinned.file.questions[0]!.question, /the profile says \., .* written with ,/);
  for (const { name, money } of shippedProfiles.values()) {
    assert.equal(money?.decimal, undefined, `${name} says what only a file can tell`);
  }
});

const amountText = fc.oneof(
  fc.integer({ min: 1, max: 999_999 }).map(String),
  fc.tuple(
    fc.integer({ min: 1, max: 999 }),
    fc.integer({ min: 0, max: 999 }),
    fc.constantFrom(".", ","),
  )
    .map(([whole, rest, mark]) => `${whole}${mark}${String(rest).padStart(3, "0")}`),
  fc.tuple(
    fc.integer({ min: 0, max: 999 }),
    fc.integer({ min: 0, max: 99 }),
    fc.constantFrom(".", ","),
  )
    .map(([whole, rest, mark]) => `${whole}${mark}${String(rest).padStart(2, "0")}`),
);

Deno.test("openProfiledFile() never settles a column whose values allow two readings", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(amountText, { minLength: 1, maxLength: 5 }), async (prices) => {
      const rows = prices.map((price, at) => row(`A-${at}`, price, 1, "", ""));
      const { file } = await readByProfile([header, ...rows].join("\n"), {}, plain);
      const isTold = (mark: string) =>
        prices.some((one) => new RegExp(`\\${mark}\\d\\d$`).test(one));
      const isGrouped = prices.some((one) => /[.,]\d{3}$/.test(one));
      const asked = file.questions.some(({ setting }) => setting === "money.decimal");
      const told = [".", ","].filter(isTold);
      if (told.length === 2) assert.ok(asked);
      else if (told.length === 0 && isGrouped && prices.some((one) => !/^0/.test(one))) {
        assert.ok(asked, prices.join(" "));
      } else if (told.length === 1) assert.equal(file.settings.money?.decimal, told[0]);
      if (prices.every((one) => /^\d+$/.test(one))) {
        assert.equal(file.settings.money?.in, undefined);
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("openProfiledFile() takes an order at the file's own total, or not at all", async () => {
  const line = fc.record({
    cents: fc.integer({ min: 0, max: 99_999 }),
    qty: fc.integer({ min: 1, max: 9 }),
  });
  const order = fc.record({
    lines: fc.array(line, { minLength: 1, maxLength: 4 }),
    ship: fc.integer({ min: 0, max: 999 }),
    off: fc.constantFrom(0, 0, 1, -1, 2, 100),
    per: fc.constantFrom("unit" as const, "line" as const, "by_total" as const),
    isLine: fc.boolean(),
    tolerance: fc.constantFrom(0, 1),
  });
  const text = (cents: number) => (cents / 100).toFixed(2);
  await fc.assert(
    fc.asyncProperty(order, async ({ lines, ship, off, per, isLine, tolerance }) => {
      const items = lines.reduce((sum, { cents, qty }) => sum + (isLine ? cents : cents * qty), 0);
      const named = Math.max(0, items + ship + off);
      const rows = lines.map(({ cents, qty }) =>
        row("A-1", text(cents), qty, text(ship), text(named))
      );
      const profile = { ...plain, money: { in: "units" as const, pricePer: per, tolerance } };
      const read = await readByProfile([header, ...rows].join("\n"), {}, profile);
      const taken = Object.values(read.orders);
      if (taken.length === 0) {
        assert.equal(read.rejected.length, lines.length);
        const isSame = per === "by_total" || (per === "line") === isLine;
        assert.ok(!isSame || Math.abs(named - items - ship) > tolerance, "rejected for nothing");
        return;
      }
      const cents = Math.round(Number(taken[0]!.split(" ")[0]!.replaceAll(",", "")) * 100);
      assert.ok(Math.abs(cents - named) <= tolerance, `${cents} for ${named}`);
    }),
    { numRuns: 300 },
  );
});

Deno.test("proposeProfile() knows every shipped profile by its columns, in any case, and no other file", () => {
  for (const { name, recognisedBy } of shippedProfiles.values()) {
    const header = [...recognisedBy!.map((one) => ` ${one.toUpperCase()} `), "Something else"];
    assert.equal(proposeProfile(header)?.profile.name, name);
    assert.equal(proposeProfile(recognisedBy!.slice(1)), undefined, name);
  }
});

const semicolons = "external_order_id;order_placed_at;currency;customer_id;customer_email;" +
  "customer_name;product_sku;product_name;unit_price_cents;qty";

Deno.test("openProfiledFile() asks for the unit where prices in minor units are written as 1200.0", async () => {
  for (const [price, minor] of [["1200.0", "24.00"], ["1200,00", "24.00"], ["12.00", "0.24"]]) {
    const text =
      `${semicolons}\nA-1;2026-01-05 10:00:00;EUR;K1;a@x.example;Ann;MUG;Mug;${price};2\n`;
    const asked = await readByProfile(text);
    assert.deepEqual(settingsOf(asked), ["money.in"]);
    assert.match(asked.file.questions[0]!.question, new RegExp(price!.replace(".", "\\.")));
    const read = await readByProfile(text, { money: { in: "minor" } });
    assert.deepEqual(read.orders, { "A-1": `${minor} EUR due` });
  }
});

Deno.test("openProfiledFile() takes no order whose rows disagree on its payment", async () => {
  for (const words of [["due", "paid"], ["paid", "due"], ["paid", "none"]]) {
    const rows = words.map((word, at) =>
      `A-1;2026-01-05 10:00:00;EUR;K1;a@x.example;Ann;MUG-${at};Mug;1200;2;${word}`
    );
    const read = await readByProfile([`${semicolons};payment_status`, ...rows].join("\n"));
    assert.deepEqual(read.orders, {});
    const reason = "rows of the order disagree on payment_status (lines 2 and 3)";
    assert.deepEqual(read.rejected, [`2: ${reason}`, `3: ${reason}`]);
  }
});

const refunds = {
  woocommerce: [
    "order_number,status,date,order_currency,billing_email,billing_first_name,order_total," +
    "refunded_total,item_name,item_sku,item_quantity,item_total",
    "A-1,completed,2026-01-05T10:00:00Z,EUR,a@x.example,Ann,24.00,REFUND,Mug,MUG,2,24.00",
  ],
  magento: [
    "increment_id,status,created_at,order_currency_code,customer_email,customer_firstname,grand_total," +
    "total_refunded,name,sku,qty_ordered,row_total",
    "100000001,complete,2026-01-05 10:00:00,EUR,a@x.example,Ann,24.0000,REFUND,Mug,MUG,2.0000,24.0000",
  ],
  shopify: [
    "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name," +
    "Lineitem price,Lineitem sku,Billing Name,Refunded Amount",
    "A-1,a@x.example,paid,EUR,24.00,2026-01-05T10:00:00Z,2,Mug,12.00,MUG,Ann,REFUND",
  ],
  ebay: [
    "Sales Record Number,Order Number,Buyer Username,Buyer Email,Buyer Name,Item Title,Custom Label," +
    "Quantity,Sold For,Total Price,Sale Date,Paid On Date,Refunded Amount",
    "1,A-1,ann,a@x.example,Ann,Mug,MUG,2,€12.00,€24.00,2026-01-05T10:00:00Z,2026-01-05T10:00:00Z,REFUND",
  ],
} as const;

for (const [name, [header, row]] of Object.entries(refunds)) {
  Deno.test(`openProfiledFile() does not record as paid in full what was given back in part: ${name}`, async () => {
    const whatIs = async (refund: string) =>
      Object.values((await readByProfile(`${header}\n${row.replace("REFUND", refund)}\n`)).orders);
    for (const nothing of ["", "0.00", "--", "-0.00"]) {
      assert.deepEqual(await whatIs(nothing), ["24.00 EUR paid"]);
    }
    assert.match((await whatIs("12.00"))[0]!, /^skipped: \w+[ _]\w+ is "12.00"$/);
    assert.match((await whatIs("-12.00"))[0]!, /^skipped/);
  });
}

Deno.test("openProfiledFile() books no order without a row that has a field too many or too few", async () => {
  const header =
    "Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Shipping Discount,Order Shipping," +
    "Order Sales Tax,Currency,Transaction ID,Date Paid,Ship Name,Order ID,SKU";
  const row = (order: string, item: number, name = "Mug") =>
    `05/20/26,${name},Ann,1,10.00,0.00,0.00,4.90,0.00,EUR,${order}0${item},05/20/26,Ann,${order},S-${item}`;
  const readEtsy = (...rows: string[]) =>
    readByProfile([header, ...rows, ""].join("\n"), { time: { order: "mdy", zone: "UTC" } });
  const others = [row("310001", 1), row("310001", 2)];
  const whole = { "310001": "24.90 EUR paid" };
  for (
    const bad of [
      row("310002", 2, "Mug, blue"),
      row("310002", 2).replace("Ann,1,", "Ann 1,"),
      row("310002", 2, "A, B, C"),
    ]
  ) {
    for (const own of [[bad, row("310002", 1)], [row("310002", 1), bad]]) {
      const { orders, rejected } = await readEtsy(...others, ...own);
      assert.deepEqual(orders, whole, bad);
      assert.equal(rejected.length, 2, bad);
    }
  }
  await assert.rejects(
    readEtsy(row("310001", 1, "Mug, blue"), row("310001", 2)),
    /line 2: has 16 fields, but the header has 15, so it can't be told which order it belongs to: mend it/,
  );
  const known = await readEtsy(...others, row("310002", 1), row("310002", 2));
  assert.deepEqual(known.orders, { ...whole, "310002": "24.90 EUR paid" });
});

const odooHeader = "Order Reference,Order Date,Currency,Customer,Order Lines/Product," +
  "Order Lines/Quantity,Order Lines/Subtotal,Taxes,Amount Tax,Total,Status";
const odooTime = { zone: "UTC" };

Deno.test("openProfiledFile() takes two names of one tax for one amount", async () => {
  const row = "2026-01-05 10:00:00,EUR,Ann,Mug,2,20.00";
  const read = await readByProfile(
    `${odooHeader}\nS1,${row},3.80,3.80,23.80,sale\nS2,${row},,3.80,23.80,sale\nS3,${row},3.80,1.90,23.80,sale\n`,
    { time: odooTime },
  );
  assert.deepEqual(read.orders, { S1: "23.80 EUR due", S2: "23.80 EUR due" });
  assert.deepEqual(read.rejected, [
    '4: Taxes + Amount Tax: is the same amount as 3.80 on line 4 and must agree with it, not "1.90"',
  ]);
});

Deno.test("shippedProfiles add up no columns but those that are parts of an amount", () => {
  const added = [...shippedProfiles].flatMap(([name, { adjustments = [] }]) =>
    adjustments.filter(({ columns, together }) => columns.length > 1 && together !== "same")
      .map(({ columns }) => `${name}: ${columns.join(" + ")}`)
  );
  assert.deepEqual(added, [
    "amazon: item-tax + shipping-tax + gift-wrap-tax",
    "amazon: item-promotion-discount + ship-promotion-discount",
  ]);
});

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

Deno.test("openProfiledFile() takes a number that a workbook stores for no thousands, whatever texts or the profile say", async () => {
  const number = (value: string) => `<c><v>${value}</v></c>`;
  const header = [
    "Order ID",
    "Created at",
    "Customer",
    "Lineitem sku",
    "Lineitem name",
    "Price",
    "Qty",
  ];
  const workbook = (...prices: string[]) =>
    workbookOf({
      sheets: [
        `<row>${header.map(textCell).join("")}</row>` + prices.map((price, index) =>
          `<row>${
            [`A${index}`, "2026-01-15 10:00:00", "Ann", "MUG", "Mug"].map(textCell).join("")
          }${price}${number("1")}</row>`
        ).join(""),
      ],
    });
  const profile: ImportProfile = {
    version: 1,
    name: "own",
    columns: {
      external_order_id: ["Order ID"],
      order_placed_at: ["Created at"],
      customer_name: ["Customer"],
      product_sku: ["Lineitem sku"],
      product_name: ["Lineitem name"],
      price: ["Price"],
      qty: ["Qty"],
    },
    constants: { currency: "EUR" },
    money: { in: "units", decimal: "," },
    time: { zone: "UTC" },
  };
  // As a text this is twenty-eight thousand to a German, and to a program twenty-eight.
  const pinned = await readByProfile(workbook(number("28.815"), textCell("1.234,50")), {}, profile);
  assert.deepEqual(settingsOf(pinned), ["money.decimal"]);
  assert.match(pinned.file.questions[0]!.question, /28\.815 \(line 2\)/);
  const open = { ...profile, money: { in: "units" } } as const;
  const both = await readByProfile(workbook(number("28.815"), textCell("1.234,50")), {}, open);
  assert.deepEqual(settingsOf(both), ["money.decimal"]);
  const settled = await readByProfile(workbook(number("28.815"), number("12")), {}, open);
  assert.deepEqual(settled.orders, { A1: "12.00 EUR due" });
  assert.match(settled.rejected[0]!, /28\.815/);
  // The point of a number says nothing of the one in a text.
  const mixed = await readByProfile(workbook(number("28.81"), textCell("1.200")), {}, open);
  assert.deepEqual(settingsOf(mixed), ["money.decimal"]);
  assert.match(mixed.file.questions[0]!.question, /1\.200 can be read in two ways/);
  const texts = await readByProfile(
    workbook(textCell("28.815"), textCell("1.234,50")),
    {},
    profile,
  );
  assert.deepEqual(texts.orders, { A0: "28,815.00 EUR due", A1: "1,234.50 EUR due" });
});

Deno.test("openProfiledFile() passes over columns that are called alike, and asks for a name where there is none", async () => {
  const header = ownHeader.replace(/,payment_status$/, ",info,info,");
  const rows = [header, ownRow("P-1", "paid,paid,,")].join("\n");
  assert.deepEqual(settingsOf(await readByProfile(rows)), ["status.columns"]);
  const passedOver = await readByProfile(rows, { ignore: ["info"] });
  assert.deepEqual(passedOver.orders, { "P-1": "12.00 EUR due" });
  const nameless = await readByProfile(
    [ownHeader.replace(/,payment_status$/, ",,note"), ownRow("P-1", "paid,")].join("\n"),
  );
  assert.match(
    nameless.file.questions[0]!.question,
    /by a column without a name \(paid\): give each column a name in the file's header; what may/,
  );
});

Deno.test("openProfiledFile() shows a column as a status whose values say so, whatever it is called", async () => {
  const header = ownHeader.replace(/,payment_status$/, ",transactions,cod_fee,color");
  const { file } = await readByProfile([header, ownRow("P-1", "Paid,2.00,blue")].join("\n"));
  assert.deepEqual(
    file.unusedColumns.map(({ name, suspicious }) => [name, suspicious]),
    [["transactions", "status"], ["cod_fee", "fee"], ["color", undefined]],
  );
});

Deno.test("a sum whose word stands where a quantity would is no discount of the order above it", async () => {
  const header = [
    ...["quantity-purchased", "currency", "item-price", "shipping-price", "order-id"],
    ...["order-item-id", "purchase-date", "payments-date", "buyer-email", "buyer-name", "sku"],
    ...["product-name", "item-promotion-discount"],
  ];
  const time = "2026-01-01T00:00:00+00:00";
  const row = ["5", "EUR", "95.00", "5.00", "302-1", "1", time, time, "k@shop.example", "Kim"];
  for (const word of ["Sum", "5"]) {
    const lines = [header, [...row, "SKU-1", "Thing", "0.00"], [word, ...Array(11).fill(""), "99"]];
    const { orders, rejected } = await readByProfile(
      lines.map((fields) => `${fields.join("\t")}\n`).join(""),
    );
    assert.deepEqual(orders, {});
    assert.match(rejected.join("; "), /has neither an order id nor an item: a sum/);
  }
});
