import assert from "node:assert/strict";
import { originalPlaces, placeColumns } from "../../../domain/import/csv_columns.ts";
import { plainName } from "../../../domain/import/profile/column_plan.ts";
import { importColumns } from "../../../domain/import/csv_rows.ts";

Deno.test("placeColumns() finds columns in any order and case, trimmed, among others", () => {
  const header = ["note", ...[...importColumns].reverse().map((name) => ` ${name.toUpperCase()} `)];
  const places = placeColumns(header);
  assert.ok(typeof places !== "string");
  for (const column of importColumns) {
    assert.equal(header[places[column]]!.trim().toLowerCase(), column);
  }
});

Deno.test("placeColumns() names every missing column", () => {
  const header = importColumns.filter((name) => name !== "qty" && name !== "currency");
  assert.equal(placeColumns(header), "columns currency, qty are missing");
  assert.equal(placeColumns(importColumns.slice(1)), "column external_order_id is missing");
});

Deno.test("placeColumns() tells of another separator", () => {
  assert.match(String(placeColumns([importColumns.join(";")])), /must be separated by commas/);
});

Deno.test("placeColumns() refuses a needed column that stands there twice, others may", () => {
  assert.equal(placeColumns([...importColumns, "QTY"]), "column qty stands there twice");
  assert.notEqual(typeof placeColumns([...importColumns, "x", "x"]), "string");
});

Deno.test("originalPlaces() leaves out what an earlier rejects file added", () => {
  assert.deepEqual(originalPlaces(["Line", "qty", " reason ", "note"]), [1, 3]);
});

Deno.test("a column whose name has characters that nobody sees is the one that is meant", () => {
  const places = placeColumns([
    ...importColumns,
    "ship\u200bping_cents",
    "\u2060discount_cents\u00ad",
  ]);
  assert.ok(typeof places !== "string");
  assert.deepEqual(places.terms, ["shipping_cents", "discount_cents"]);
  for (
    const name of ["Order\u200b Shipping", "\u200eOrder Shipping", "ORDER\u00a0SHIPPING\u2069"]
  ) {
    assert.equal(plainName(name), "order shipping", JSON.stringify(name));
  }
});
