import assert from "node:assert/strict";
import { differencesOf } from "../../../domain/catalog/new_product.ts";

Deno.test("differencesOf() compares what is said, with the units that a product began with", () => {
  const known = { name: "Mug", priceCents: 1_250, firstQty: 40 };
  const wanted = { sku: "MUG", name: "Mug", priceCents: 1_250 };
  assert.deepEqual(differencesOf(known, wanted), []);
  assert.deepEqual(differencesOf(known, { ...wanted, stockQty: 40 }), []);
  assert.deepEqual(differencesOf(known, { ...wanted, name: "Cup", stockQty: 41 }), [
    "name",
    "stock_qty",
  ]);
  assert.deepEqual(differencesOf(known, { ...wanted, priceCents: 1 }), ["price_cents"]);
});
