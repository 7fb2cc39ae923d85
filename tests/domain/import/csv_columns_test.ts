import assert from "node:assert/strict";
import { originalPlaces, placeColumns } from "../../../domain/import/csv_columns.ts";
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
