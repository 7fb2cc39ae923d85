import assert from "node:assert/strict";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { proposeProfile } from "../../../domain/import/profile/shipped_profiles.ts";
import { openSourceTable } from "../../../streams/imports/source_table.ts";
import { readByProfile } from "./profiles.ts";

/** A file as a shop system writes it, and what its orders come to by a profile that somebody saved for it. */
interface OtherFile {
  text: string;
  profile: Omit<ImportProfile, "version" | "name">;
  orders: Record<string, string>;
  rejected?: RegExp[];
}

const files: Record<string, OtherFile> = {
  "PrestaShop, with a percentage beside the amounts": {
    text:
      `"Id";"Reference";"Date";"Customer";"Email";"Product reference";"Product";"Qty";"Unit price (tax incl.)";"Shipping";"Discount %";"Discounts";"Total paid";"Current state"
"11";"XKBKNABJK";"2026-01-05 10:00:00";"J. Dupont";"j@shop.example";"demo_1";"Tasse &amp; soucoupe";"2";"12,500000";"4,900000";"10";"2,500000";"27,400000";"Paiement accepté"
"12";"OHSATSERP";"2026-01-05 11:00:00";"J. Dupont";"j@shop.example";"demo_2";"Assiette";"1";"1 012,500000";"0,000000";"0";"0,000000";"1 012,500000";"En attente"
"13";"UOYEVOLI";"2026-01-05 12:00:00";"J. Dupont";"j@shop.example";"demo_2";"Assiette";"1";"12,500000";"0,000000";"10";"0,000000";"11,250000";"En attente"
"14";"FFATNOMMJ";"2026-01-05 13:00:00";"J. Dupont";"j@shop.example";"demo_2";"Assiette";"-1";"12,500000";"0,000000";"0";"0,000000";"12,500000";"Annulé"
`,
    profile: {
      columns: {
        external_order_id: ["Reference"],
        order_placed_at: ["Date"],
        customer_name: ["Customer"],
        customer_email: ["Email"],
        product_sku: ["Product reference"],
        product_name: ["Product"],
        price: ["Unit price (tax incl.)"],
        qty: ["Qty"],
        order_total: ["Total paid"],
      },
      constants: { currency: "EUR" },
      time: { zone: "Europe/Paris" },
      adjustments: [
        { kind: "shipping", columns: ["Shipping"], per: "order" },
        { kind: "discount", columns: ["Discounts"], per: "order" },
      ],
      status: {
        columns: ["Current state"],
        charge: ["En attente"],
        paid: ["Paiement accepté"],
        skip: ["Annulé"],
      },
    },
    orders: {
      XKBKNABJK: "27.40 EUR paid",
      OHSATSERP: "1,012.50 EUR due",
      FFATNOMMJ: 'skipped: Current state is "Annulé"',
    },
    rejected: [/^4: Total paid: .*12\.50.*11\.25|^4: .*11\.25/],
  },
  "Shopware, with days as 5.1.26 and a minus behind": {
    text:
      `orderNumber;orderDate;customerNumber;billingFirstname;billingLastname;email;articleNumber;articleName;quantity;articlePrice;invoiceShipping;rebate;invoiceAmount;currency;paymentState
20001;5.1.26 10:22;K-7;Lena;Voß;l@shop.example;SW10001;Becher;2;12,50 €;4,90 €;2,50-;27,40 €;EUR;Offen
20002;31.1.26 09:00;K-8;Karl;Ernst;k@shop.example;SW10002;Teller;1;1.234,50 €;0,00 €;0,00;1.234,50 €;EUR;Komplett bezahlt
`,
    profile: {
      columns: {
        external_order_id: ["orderNumber"],
        order_placed_at: ["orderDate"],
        customer_id: ["customerNumber"],
        customer_name: [["billingFirstname", "billingLastname"]],
        customer_email: ["email"],
        currency: ["currency"],
        product_sku: ["articleNumber"],
        product_name: ["articleName"],
        price: ["articlePrice"],
        qty: ["quantity"],
        order_total: ["invoiceAmount"],
      },
      time: { zone: "Europe/Berlin" },
      adjustments: [
        { kind: "shipping", columns: ["invoiceShipping"], per: "order" },
        { kind: "discount", columns: ["rebate"], per: "order" },
      ],
      status: { columns: ["paymentState"], charge: ["Offen"], paid: ["Komplett bezahlt"] },
    },
    orders: { 20001: "27.40 EUR due", 20002: "1,234.50 EUR paid" },
  },
  "BigCommerce, with times as Jan 5, 2026 3:04 PM": {
    text:
      `Order ID,Order Date,Order Status,Customer ID,Customer Name,Customer Email,Order Currency Code,Product SKU,Product Name,Product Qty,Product Unit Price,Shipping Cost (inc tax),Coupon Value,Order Total (inc tax)
101,"Jan 5, 2026 3:04 PM",Completed,4,Ann Ames,a@shop.example,USD,MUG,"Mug, 12""",2,$12.50,$4.90,$0.00,$29.90
101,"Jan 5, 2026 3:04 PM",Completed,4,Ann Ames,a@shop.example,USD,POT,Pot,1,"$1,000.00",$4.90,$0.00,$29.90
102,"Jan 6, 2026 12:30 AM",Refunded,4,Ann Ames,a@shop.example,USD,MUG,Mug,1,$12.50,$0.00,$0.00,$12.50
103,"Jan 7, 2026 9:00 AM",Awaiting Payment,5,Bob Berg,b@shop.example,USD,MUG,Mug,1,$12.50,$0.00,$2.50,$10.00
`,
    profile: {
      columns: {
        external_order_id: ["Order ID"],
        order_placed_at: ["Order Date"],
        customer_id: ["Customer ID"],
        customer_name: ["Customer Name"],
        customer_email: ["Customer Email"],
        currency: ["Order Currency Code"],
        product_sku: ["Product SKU"],
        product_name: ["Product Name"],
        price: ["Product Unit Price"],
        qty: ["Product Qty"],
        order_total: ["Order Total (inc tax)"],
      },
      time: { zone: "America/New_York" },
      adjustments: [
        { kind: "shipping", columns: ["Shipping Cost (inc tax)"], per: "order" },
        { kind: "discount", columns: ["Coupon Value"], per: "order" },
      ],
      status: {
        columns: ["Order Status"],
        charge: ["Awaiting Payment"],
        paid: ["Completed"],
        skip: ["Refunded"],
      },
    },
    orders: { 102: 'skipped: Order Status is "Refunded"', 103: "10.00 USD due" },
    rejected: [/^2: .*1,?029\.90.*29\.90/, /^3: /],
  },
  "Wix, with negative pieces for what was sent back": {
    text:
      `Order #,Date,Time,Billing Customer,Buyer's Email,Currency,Item's SKU,Item's Name,Qty,Price,Shipping,Total,Payment Status
10001,2026-01-05,3:04 PM,Ann Ames,a@shop.example,GBP,MUG,Mug,2,£12.50,£4.90,£29.90,Paid
10002,2026-01-06,4:00 PM,Bob Berg,b@shop.example,GBP,MUG,Mug,2,£12.50,£0.00,£12.50,Paid
10002,2026-01-06,4:00 PM,Bob Berg,b@shop.example,GBP,MUG,Mug,-1,£12.50,£0.00,£12.50,Paid
`,
    profile: {
      columns: {
        external_order_id: ["Order #"],
        order_placed_at: [["Date", "Time"]],
        customer_name: ["Billing Customer"],
        customer_email: ["Buyer's Email"],
        currency: ["Currency"],
        product_sku: ["Item's SKU"],
        product_name: ["Item's Name"],
        price: ["Price"],
        qty: ["Qty"],
        order_total: ["Total"],
      },
      time: { zone: "Europe/London" },
      adjustments: [{ kind: "shipping", columns: ["Shipping"], per: "order" }],
      status: { columns: ["Payment Status"], paid: ["Paid"] },
    },
    orders: { 10001: "29.90 GBP paid" },
    rejected: [/^3: another row of the order is bad \(line 4\)/, /^4: Qty: must be an integer 1…/],
  },
  "Lightspeed, with a day's subtotal between its sales and days as a spreadsheet counts them": {
    text: `Sale ID;Date;Customer;Item ID;Description;Qty;Line total;Sale total
S1;46027,4166666667;Ann Ames;A-1;Mug;2;25,00;25,00
S2;46027,5;Bob Berg;A-2;Plate;1;10,50;10,50
S2;46027,5;Bob Berg;Total;Total;1;10,50;10,50
S3;46028,25;Bob Berg;A-2;Plate;3;10,00;10,00
`,
    profile: {
      columns: {
        external_order_id: ["Sale ID"],
        order_placed_at: ["Date"],
        customer_name: ["Customer"],
        product_sku: ["Item ID"],
        product_name: ["Description"],
        price: ["Line total"],
        qty: ["Qty"],
        order_total: ["Sale total"],
      },
      constants: { currency: "CHF" },
      money: { pricePer: "line" },
      time: { zone: "Europe/Zurich", numbers: "spreadsheet" },
    },
    orders: { S1: "25.00 CHF due", S3: "10.00 CHF due" },
    rejected: [
      /^3: another row of the order is bad \(line 4\)/,
      /^4: Item ID: must name a product/,
    ],
  },
};

for (const [system, { text, profile, orders, rejected = [] }] of Object.entries(files)) {
  Deno.test(`openProfiledFile() reads a file of ${system}`, async () => {
    const read = await readByProfile(text, {}, { version: 1, name: "saved", ...profile });
    assert.deepEqual(read.file.questions, []);
    assert.deepEqual(read.orders, orders);
    assert.equal(read.rejected.length, rejected.length, read.rejected.join("\n"));
    for (const [at, reason] of rejected.entries()) assert.match(read.rejected[at]!, reason);
  });
}

Deno.test("openProfiledFile() reads Shopify's export as a German Excel saves it", async () => {
  const text =
    `Name;Email;Financial Status;Paid at;Currency;Subtotal;Shipping;Taxes;Total;Discount Amount;Lineitem quantity;Lineitem name;Lineitem price;Lineitem sku;Created at;Billing Name
#1001;m@shop.example;paid;2026-01-05 10:22:31 -0500;EUR;54;4,9;0;53,5;5,4;2;Mug;12;MUG;2026-01-05 10:22:31 -0500;Mara Lind
#1001;m@shop.example;;;;;;;;;1;Pot;30;POT;2026-01-05 10:22:31 -0500;
#1002;o@shop.example;pending;;EUR;1012,5;0;0;1012,5;0;1;Rug;1012,5;RUG;2026-01-06 10:22:31 -0500;Otto Berg
`;
  assert.deepEqual((await readByProfile(text)).orders, {
    "#1001": "53.50 EUR paid",
    "#1002": "1,012.50 EUR due",
  });
});

Deno.test("openProfiledFile() reads WooCommerce's export with entities of web pages, and takes no refund for an order", async () => {
  const header =
    "order_id,order_number,date,status,shipping_total,tax_total,order_total,order_currency,customer_id,billing_first_name,billing_last_name,billing_email,item_name,item_sku,item_quantity,item_total";
  const text = [
    header,
    "71,71,2026-01-05 10:00:00,processing,&pound;4.90,&pound;0.00,&pound;29.90,GBP,0,Mara,O&#039;Neil,m@shop.example,Mug &amp; Cup,MUG,2,&pound;25.00",
    "72,72,2026-01-05 11:00:00,refunded,&pound;0.00,&pound;0.00,-&pound;12.50,GBP,0,Mara,Lind,m@shop.example,Mug,MUG,1,-&pound;12.50",
    "73,73,2026-01-05 12:00:00,pending,&pound;0.00,&pound;0.00,-&pound;12.50,GBP,0,Mara,Lind,m@shop.example,Mug,MUG,1,-&pound;12.50",
  ].join("\n");
  const read = await readByProfile(text, { time: { zone: "Europe/London" } });
  assert.deepEqual(read.orders, { 71: "29.90 GBP paid", 72: 'skipped: status is "refunded"' });
  assert.match(read.rejected.join("\n"), /^4: item_total: must not be below zero/);
});

Deno.test("openProfiledFile() books no refund row of Amazon's report", async () => {
  const text = [
    "order-id\torder-item-id\tpurchase-date\tpayments-date\tbuyer-email\tbuyer-name\tsku\tproduct-name\tquantity-purchased\tcurrency\titem-price\titem-tax\tshipping-price\tshipping-tax",
    "302-1\t1\t2026-01-05T10:00:00+00:00\t2026-01-05T10:00:00+00:00\ta@shop.example\tAnn\tMUG\tMug\t2\tEUR\t25.00\t3.99\t4.90\t0.78",
    "302-2\t2\t2026-01-05T11:00:00+00:00\t2026-01-05T11:00:00+00:00\tb@shop.example\tBob\tMUG\tMug\t1\tEUR\t-12.50\t-2.00\t0.00\t0.00",
    "302-3\t3\t2026-01-05T12:00:00+00:00\t2026-01-05T12:00:00+00:00\tb@shop.example\tBob\tMUG\tMug\t-1\tEUR\t12.50\t2.00\t0.00\t0.00",
  ].join("\n");
  const read = await readByProfile(text);
  assert.deepEqual(read.orders, { "302-1": "29.90 EUR paid" });
  assert.equal(read.rejected.length, 2);
});

Deno.test("openProfiledFile() takes no file of a system that it has no profile for without one", async () => {
  for (const { text } of Object.values(files)) {
    const table = await openSourceTable(ReadableStream.from([new TextEncoder().encode(text)]), {});
    assert.equal(proposeProfile(table.header), undefined);
    table.close();
  }
});

Deno.test("openProfiledFile() books no order of Etsy's at its full price that was reduced at a till", async () => {
  const header =
    "Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Shipping Discount,Order Shipping," +
    "Order Sales Tax,Item Total,Currency,Transaction ID,Listing ID,Date Paid,Ship Name,Order ID,InPerson Discount,SKU";
  const row = (id: number, discount: string) =>
    `01/16/24,Cup,bob,1,10.00,0.00,0.00,0.00,0.00,10.00,USD,112,223,01/16/2024,Bob,${id},${discount},CUP`;
  const { orders, rejected } = await readByProfile(
    [header, row(1, ""), row(2, "0.00"), row(3, "2.00"), ""].join("\n"),
    { time: { order: "mdy", zone: "UTC" } },
  );
  assert.deepEqual(rejected, []);
  assert.deepEqual(orders, {
    "1": "10.00 USD paid",
    "2": "10.00 USD paid",
    "3": 'skipped: InPerson Discount is "2.00"',
  });
});
