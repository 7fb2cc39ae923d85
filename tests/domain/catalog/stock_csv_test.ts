import assert from "node:assert/strict";
import fc from "fast-check";
import {
  placeStockColumns,
  readStockRow,
  repeatedSkus,
  type StockPlaces,
} from "../../../domain/catalog/stock_csv.ts";

const places = (text: string) => placeStockColumns(text.split(",")) as StockPlaces;

Deno.test("placeStockColumns() finds columns in any order and case, among others", () => {
  assert.deepEqual(places("Name, SET_QTY ,shelf,Sku"), {
    mode: "set",
    sku: 3,
    qty: 1,
    name: 0,
    priceCents: -1,
    detail: -1,
  });
  assert.equal(places("sku,add_qty,price_cents,detail").mode, "add");
});

Deno.test("placeStockColumns() says what a header lacks", () => {
  const fault = (text: string) => placeStockColumns(text.split("|"));
  assert.match(String(fault("set_qty")), /column sku is missing/);
  assert.match(String(fault("sku;set_qty")), /fields must be separated by commas/);
  assert.match(String(fault("sku|qty")), /set_qty \(units that are available from now on\) or add/);
  assert.match(String(fault("sku|set_qty|add_qty")), /sets units or adds them/);
  assert.match(String(fault("sku|SKU|set_qty")), /column sku stands there twice/);
});

Deno.test("readStockRow() reads a row, and names every fault with its value and what would be right", () => {
  const set = places("sku,set_qty,name,price_cents,detail");
  assert.deepEqual(readStockRow([" MUG ", " 12", "Mug", "1250", "shelf 3"], set), {
    sku: "MUG",
    qty: 12,
    name: "Mug",
    priceCents: 1_250,
    detail: "shelf 3",
  });
  assert.deepEqual(readStockRow(["MUG", "0", "", "", ""], set), {
    sku: "MUG",
    qty: 0,
    name: null,
    priceCents: null,
    detail: null,
  });
  assert.deepEqual(readStockRow(["", "-1", "", "12.50", ""], set), [
    { at: "sku", detail: "is missing" },
    {
      at: "set_qty",
      detail: '"-1" must be an integer 0…1000000000000: whole units, without separators',
    },
    {
      at: "price_cents",
      detail:
        '"12.50" must be an integer 0…2147483647: minor units of the currency (12.50 EUR is 1250)',
    },
  ]);
  const add = places("sku,add_qty");
  assert.deepEqual(readStockRow(["MUG", "-3"], add), {
    sku: "MUG",
    qty: -3,
    name: null,
    priceCents: null,
    detail: null,
  });
  for (const bad of ["", "1.5", "1e3", "1,000", "0x10", "9".repeat(16), "1000000000001"]) {
    const read = readStockRow(["MUG", bad], add);
    assert.ok(Array.isArray(read) && read[0]!.at === "add_qty", bad);
  }
});

Deno.test("readStockRow() takes every number of units that there may be, and no other text", () => {
  const add = places("sku,add_qty");
  fc.assert(fc.property(fc.integer({ min: -1e12, max: 1e12 }), (qty) => {
    const row = readStockRow(["MUG", String(qty)], add);
    assert.ok(!Array.isArray(row));
    assert.equal(row.qty, qty);
  }));
  fc.assert(fc.property(fc.string(), (text) => {
    const row = readStockRow(["MUG", text], add);
    assert.equal(
      Array.isArray(row),
      !/^\s*[+-]?\d{1,13}\s*$/.test(text) || Math.abs(Number(text)) > 1e12,
    );
  }));
});

Deno.test("repeatedSkus() tells the lines of a SKU that stands there more than once", () => {
  const rows = ["a", "b", "a", "c", "a"].map((sku, index) => ({ sku, line: index + 2 }));
  assert.deepEqual([...repeatedSkus(rows)], [["a", [2, 4, 6]]]);
});
