import assert from "node:assert/strict";
import {
  proposeProfile,
  shippedProfiles,
} from "../../../domain/import/profile/shipped_profiles.ts";
import { readByProfile, settingsOf } from "./profiles.ts";

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

Deno.test("proposeProfile() knows every shipped profile by its columns, in any case, and no other file", () => {
  for (const { name, recognisedBy } of shippedProfiles.values()) {
    const header = [...recognisedBy!.map((one) => ` ${one.toUpperCase()} `), "Something else"];
    assert.equal(proposeProfile(header)?.profile.name, name);
    assert.equal(proposeProfile(recognisedBy!.slice(1)), undefined, name);
  }
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
