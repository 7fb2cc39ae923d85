import assert from "node:assert/strict";
import { counted, plural } from "../../../domain/text/plural.ts";

Deno.test("counted() says one row, and no rows, two rows, thousands of rows", () => {
  assert.deepEqual(
    [0, 1, 2, 12_480].map((count) => counted(count, "row")),
    ["0 rows", "1 row", "2 rows", "12,480 rows"],
  );
  assert.equal(counted(1, "order is", "orders are"), "1 order is");
  assert.equal(plural(2, "waits", "wait"), "wait");
});
