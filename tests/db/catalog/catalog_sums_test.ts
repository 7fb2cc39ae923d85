import assert from "node:assert/strict";
import { emptyCatalog } from "../../../db/catalog/catalog.ts";
import { sumOfProducts } from "../../../db/catalog/catalog_sums.ts";

Deno.test("sumOfProducts() tells products from those that have changed places, or were described alike", () => {
  const sum = (
    products: readonly (readonly [id: number, sku: string, priceCents: number, by: string])[],
    of: "names" | "descriptions" = "descriptions",
  ) =>
    sumOfProducts(
      {
        ...emptyCatalog(),
        products: new Map(products.map(([id, sku, priceCents, by]) => [
          sku,
          { id, stored: { text: { name: `Tea ${sku}`, priceCents }, by } },
        ])),
      },
      products.map(([, sku]) => sku),
      of,
    );
  const known = sum([[5, "A", 100, "2026-01-01 1"], [6, "B", 100, "2026-01-01 1"]]);
  assert.equal(known, sum([[6, "B", 100, "2026-01-01 1"], [5, "A", 100, "2026-01-01 1"]]));
  assert.notEqual(known, sum([[5, "B", 100, "2026-01-01 1"], [6, "A", 100, "2026-01-01 1"]]));
  assert.notEqual(known, sum([[5, "A", 150, "2026-02-01 2"], [6, "B", 150, "2026-02-01 2"]]));
  const named = sum([[5, "A", 100, "2026-01-01 1"], [6, "B", 100, "2026-01-01 1"]], "names");
  assert.equal(named, sum([[5, "A", 150, "2026-02-01 2"], [6, "B", 100, "2026-01-01 1"]], "names"));
  assert.notEqual(
    named,
    sum([[5, "B", 100, "2026-01-01 1"], [6, "A", 100, "2026-01-01 1"]], "names"),
  );
});
