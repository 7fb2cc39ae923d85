import assert from "node:assert/strict";
import { placeColumns } from "../../../domain/import/csv_columns.ts";
import { type ColumnPlaces, importColumns } from "../../../domain/import/csv_rows.ts";
import { decideOrder } from "../../../domain/import/order_csv.ts";
import { sumRowProblem } from "../../../domain/import/sum_row.ts";
import { readByProfile } from "../../streams/imports/profiles.ts";

const places = placeColumns(importColumns) as ColumnPlaces;
const row = (line: number, sku: string, name: string, price: string) => ({
  line,
  fields: ["A", "2026-01-05 10:00:00", "EUR", "K1", "", "Ann", sku, name, price, "1"],
});

Deno.test("sumRowProblem() knows what sums are called, and leaves products alone", () => {
  for (
    const text of [
      "SUM",
      "Total",
      "total:",
      "Subtotal",
      "Gesamt",
      "Zwischensumme",
      "TOTALE",
      "合計",
      "Итого",
      "Total EUR",
      "Summe (€)",
      "Gesamt (3)",
      "Total: £",
    ]
  ) {
    assert.match(sumRowProblem(text)!, /^must name a product/, text);
  }
  for (
    const text of ["Total 5W30", "Total War", "Sum USB", "SUM-1", "Totally", "Mug", "", "Summer"]
  ) {
    assert.equal(sumRowProblem(text), undefined, text);
  }
});

for (
  const [where, sku, name] of [
    ["as SKU", "SUM", "A"],
    ["as name", "-", "Gesamt"],
    ["as both", "Total:", "Total:"],
  ] as const
) {
  Deno.test(`decideOrder() never books a sum as an item: ${where}`, () => {
    const options = { keepGoodRows: false, latestPlacedAt: "9999" };
    for (const at of [1, 2]) {
      const rows = [row(2, "MUG", "Mug", "1200"), row(4, "CUP", "Cup", "800")];
      rows.splice(at, 0, row(3, sku, name, "1200"));
      const reading = decideOrder(rows, places, options);
      assert.equal(reading.kind, "rejected");
      assert.equal(reading.rejected.length, 3);
      assert(
        reading.rejected.some(({ line, reason }) =>
          line === 3 && /must name a product/.test(reason)
        ),
      );
      const kept = decideOrder(rows, places, { ...options, keepGoodRows: true });
      assert(kept.kind === "accepted");
      assert.deepEqual(kept.order.items.map(({ sku }) => sku), ["MUG", "CUP"]);
    }
  });
}

Deno.test("openProfiledFile() never books a sum as an item, unless a profile says that it is a product", async () => {
  const header =
    "external_order_id;order_placed_at;currency;customer_id;customer_email;customer_name;product_sku;product_name;" +
    "unit_price_cents;qty";
  const lines = [["MUG", "Mug", "12,50"], ["TOTAL", "Total", "12,50"]].map((item) =>
    ["A", "2026-01-05 10:00:00", "EUR", "K1", "", "Ann", ...item, "1"].join(";")
  );
  const text = [header, ...lines].join("\n");
  const { orders, rejected } = await readByProfile(text);
  assert.deepEqual(orders, {});
  assert.match(
    rejected[1]!,
    /^3: product_sku: must name a product .*sum_words.*, not "TOTAL"/,
  );
  assert.deepEqual((await readByProfile(text, { sumWords: "items" })).orders, {
    A: "25.00 EUR due",
  });
});
