import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { WorkflowError } from "../../../domain/errors.ts";
import { openOrderFile, requirePlan } from "../../../streams/imports/order_file.ts";

/** What a file gives that is imported without a word about it. */
async function taken(file: string | Uint8Array) {
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / 1_000) },
    (_, index) => bytes.slice(index * 1_000, (index + 1) * 1_000),
  );
  const opened = await openOrderFile(ReadableStream.from(pieces), { onProgress: () => {} });
  try {
    requirePlan(opened, { name: "orders.csv" });
    const orders = new Map<string, number>();
    const rejected: [number, string][] = [];
    const options = { keepGoodRows: false, latestPlacedAt: "2027-01-01 00:00:00.000" };
    for await (const group of opened.groups()) {
      for (const rows of group.orders) {
        const reading = opened.form.decide(rows, options);
        assert(reading.kind !== "skipped");
        for (const { line, reason } of reading.rejected) rejected.push([line, reason]);
        if (reading.kind !== "accepted") continue;
        const { externalOrderId, items } = reading.order;
        assert(!orders.has(externalOrderId));
        const total = items.reduce((sum, { unitPriceCents, qty }) => sum + unitPriceCents * qty, 0);
        orders.set(externalOrderId, total);
      }
    }
    return { orders, rejected, isOwn: opened.other === undefined };
  } finally {
    opened.close();
  }
}

async function refusal(file: string | Uint8Array): Promise<string> {
  const error = await taken(file).catch((error) => error);
  assert(error instanceof WorkflowError, "it was taken");
  return error.message;
}

const fileOf = (name: string) => readFile(fileURLToPath(new URL(`files/${name}`, import.meta.url)));

const header =
  "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
  "product_sku,product_name,unit_price_cents,qty\n";
const rowOf = (id: string, name = "Mug") =>
  `${id},2026-01-05 10:00:00,EUR,K1,a@shop.example,Ann A,MUG,${name},1200,1\n`;

Deno.test("openOrderFile() keeps files without a fault to itself", async () => {
  const { orders, rejected, isOwn } = await taken(`\ufeff${header}${rowOf("A")}${rowOf("B")}`);
  assert.deepEqual([orders.size, rejected, isOwn], [2, [], true]);
});

Deno.test("openOrderFile() takes own columns in UTF-16, with tabs, CR or sep= without a plan", async () => {
  assert.deepEqual([...(await taken(await fileOf("07-excel-unicode-text.txt"))).orders], [
    ["U-1", 9900],
  ]);
  assert.deepEqual([...(await taken(await fileOf("18-cr-only.csv"))).orders], [
    ["M-1", 1200],
    ["M-2", 6000],
  ]);
  const said = `sep=;\r\n${`${header}${rowOf("A")}`.replaceAll(",", ";").replaceAll("\n", "\r\n")}`;
  assert.deepEqual([...(await taken(said)).orders], [["A", 1200]]);
});

Deno.test("openOrderFile() loses one order by an inch mark in 1,000 rows, packed or not", async () => {
  const file = await fileOf("16-inch-mark.csv");
  for (const bytes of [file, gzipSync(file)]) {
    const { orders, rejected } = await taken(bytes);
    assert.equal(orders.size, 999);
    assert.equal(rejected.length, 1);
    assert.equal(rejected[0]![0], 701);
    assert.match(rejected[0]![1], /quotation mark.*Pipe 5" copper/);
  }
});

Deno.test("openOrderFile() rejects a footer by its line, and all rows of an order with a bad one", async () => {
  const { orders, rejected } = await taken(await fileOf("17b-summary-row-of-another-length.csv"));
  assert.deepEqual([...orders], [["B-1", 1200], ["B-2", 6000]]);
  assert.deepEqual(rejected.map(([line]) => line), [4]);
  assert.match(rejected[0]![1], /title or a footer: remove it/);
  const stray = await taken(
    `${header}${rowOf("A")}${rowOf('A"', "Pot")}${rowOf("B")}${rowOf("C").slice(0, -3)}\n${
      rowOf("C")
    }${rowOf("D")}`,
  );
  assert.deepEqual([...stray.orders.keys()], ["B", "D"]);
  assert.deepEqual(stray.rejected.map(([line]) => line), [2, 3, 5, 6]);
});

Deno.test("openOrderFile() loses no order of a file of which it had read much before a fault", async () => {
  const many = Array.from({ length: 5_000 }, (_, index) => rowOf(`N${index}`)).join("");
  const { orders, rejected } = await taken(`${header}${many}${rowOf("X", 'Pot 3"')}${rowOf("Y")}`);
  assert.equal(orders.size, 5_001);
  assert.deepEqual(rejected.map(([line]) => line), [5_002]);
});

Deno.test("openOrderFile() says that a workbook is one, and what to do", async () => {
  const message = await refusal(await fileOf("19-workbook-named-csv.csv"));
  assert.match(message, /Excel workbook/);
  assert.match(message, /CSV UTF-8/);
});

Deno.test("openOrderFile() charges nobody by own columns beside one that says what was paid or given back", async () => {
  for (const column of ["Refunded Amount", "paymentStatus", "Paid", "Zahlungsstatus"]) {
    const fileOf = (value: string) =>
      `${header.trim()},${column}\n${rowOf("A").trim()},${value}\n${rowOf("B").trim()},\n`;
    assert.match(await refusal(fileOf("12.00")), /status\.columns: nothing says what becomes of/);
    assert.deepEqual([...(await taken(fileOf("0.00"))).orders], [["A", 1200], ["B", 1200]]);
  }
});

Deno.test("openOrderFile() asks of a shop's file what is in question, and not for columns of the own form", async () => {
  const ebay =
    "\n\nOrder Number,Buyer Username,Buyer Name,Item Title,Custom Label,Quantity,Sold For," +
    "Shipping And Handling,Total Price,Sale Date,Paid On Date,Sales Record Number\n" +
    "11-1,ada,Ada L,Mug,MUG,2,£12.50,£4.90,£29.90,14-Jan-26,14-Jan-26,1\n";
  const said = await refusal(ebay);
  assert.match(said, /^Cannot import orders\.csv: time\.zone: /);
  assert.doesNotMatch(said, /missing/);
});

Deno.test("openOrderFile() says what to do about columns that are not known, or stand there twice", async () => {
  const unknown = await refusal("order,price\n1,2.00\n");
  assert.match(
    unknown,
    /--preview --save-profile=mine\.json shows them and writes one to begin with/,
  );
  const twice = await refusal(`${header.trim()},QTY\n${rowOf("A").trim()},2\n`);
  assert.match(twice, /the column "qty" stands there twice: rename one of them/);
});
