import assert from "node:assert/strict";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { readByProfile } from "./profiles.ts";

const till: ImportProfile = {
  version: 1,
  name: "till",
  columns: {
    external_order_id: ["Receipt"],
    order_placed_at: ["Date"],
    customer_name: ["Customer"],
    product_sku: ["Item"],
    product_name: ["Item"],
    price: ["Price"],
    qty: ["Pieces"],
  },
  constants: { currency: "EUR" },
  fillDown: "order",
  time: { zone: "UTC" },
  money: { in: "units" },
};

/** Of files that name totals. */
const tillWithTotals: ImportProfile = {
  ...till,
  columns: { ...till.columns, order_total: ["Total"] },
};

/** Six orders of two items each, of which the second row has no id. */
const rows = [7, 3, 9, 1, 12, 5].flatMap((number, at) => [
  [
    `R${at + 1}`,
    "2026-01-05 10:00:00",
    "Ann",
    `A${10 + number}`,
    `${number}.50`,
    "1",
    `${2 * number + 1}.50`,
  ],
  ["", "", "", `A${30 - number}`, `${number + 1}.00`, "1", ""],
]);
const header = ["Receipt", "Date", "Customer", "Item", "Price", "Pieces", "Total"];

function fileOf(some: readonly string[][], width = 6): string {
  return [header, ...some].map((fields) => fields.slice(0, width).join(";")).join("\n");
}

function sortedBy(at: number, sign = 1): string[][] {
  return rows.toSorted((a, b) => sign * a[at]!.localeCompare(b[at]!, "en", { numeric: true }));
}

Deno.test("openProfiledFile() takes rows without an id for the order above where nothing was sorted", async () => {
  const { orders } = await readByProfile(fileOf(rows), {}, till);
  assert.equal(orders.R1, "15.50 EUR due");
  assert.equal(Object.keys(orders).length, 6);
});

for (
  const [what, some, line] of [
    [
      "by item",
      sortedBy(3),
      /^line \d+ has an item and no order id, and all rows stand in the order of Item,/,
    ],
    [
      "by item, backwards",
      sortedBy(3, -1),
      /^line 2 has an item and no order id, and no order stands above it/,
    ],
    [
      "by price",
      sortedBy(4),
      /^line \d+ has an item and no order id, and all rows stand in the order of Price,/,
    ],
    [
      "ids first",
      [...rows.filter(([id]) => id === ""), ...rows.filter(([id]) => id !== "")],
      /^line 2 has an item/,
    ],
  ] as const
) {
  Deno.test(`openProfiledFile() refuses rows that continue the order above in a sorted file: ${what}`, async () => {
    await assert.rejects(readByProfile(fileOf(some), {}, till), { code: "invalid", message: line });
  });
}

Deno.test("openProfiledFile() rejects what does not come to its total in a file that was sorted", async () => {
  const { orders, rejected } = await readByProfile(fileOf(sortedBy(3), 7), {}, tillWithTotals);
  for (const [id, total] of Object.entries(orders)) {
    const named = rows.find(([own]) => own === id)![6];
    assert.equal(total, `${named} EUR due`);
  }
  assert(rejected.length > 0);
});

Deno.test("openProfiledFile() takes a file whose orders and items rise together for what it is", async () => {
  const some = [1, 2, 3, 4, 5, 6].flatMap((number) => [
    [`R${number}`, "2026-01-05 10:00:00", "Ann", `A${number}0`, "1.50", "1"],
    ["", "", "", `A${number}5`, "1.50", "1"],
  ]);
  assert.equal(Object.keys((await readByProfile(fileOf(some), {}, till)).orders).length, 6);
});
