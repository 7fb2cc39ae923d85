import assert from "node:assert/strict";
import { type Catalog, emptyCatalog } from "../../../db/catalog/catalog.ts";
import { keptProducts, sumOfProducts } from "../../../db/catalog/kept_products.ts";
import { anOrder } from "../../workflow.ts";

const entry = (id: number) => ({
  id,
  stored: { text: { name: `Product ${id}`, priceCents: 100 }, by: "2026-01-01 A" },
});

function catalogOf(...skus: string[]): Catalog {
  return { ...emptyCatalog(), products: new Map(skus.map((sku, at) => [sku, entry(at + 1)])) };
}

const naming = (...skus: string[]) => [anOrder("A", skus.map((sku) => ({ sku, qty: 1 })))];

Deno.test("keptProducts() lends what orders name, as entries of their own", () => {
  const kept = keptProducts();
  const asked = emptyCatalog();
  assert.equal(kept.lend(asked, naming("a")), false);
  kept.keep(catalogOf("a", "b"));
  assert.equal(kept.lend(asked, naming("a", "c")), true);
  assert.deepEqual([...asked.products.keys()], ["a"]);
  asked.products.get("a")!.latest = { text: { name: "Other", priceCents: 1 }, by: "2027-01-01 B" };
  const next = emptyCatalog();
  kept.lend(next, naming("a"));
  assert.equal(next.products.get("a")!.latest, undefined);
  assert.equal(kept.lend(next, naming("a")), false, "it knows that one by itself");
});

Deno.test("keptProducts() forgets what was described, and the oldest of too many", () => {
  const kept = keptProducts(2);
  kept.keep(catalogOf("a", "b", "c"));
  const lent = () => {
    const catalog = emptyCatalog();
    kept.lend(catalog, naming("a", "b", "c"));
    return [...catalog.products.keys()];
  };
  assert.deepEqual(lent(), ["b", "c"]);
  const described = catalogOf("c");
  const product = described.products.get("c")!;
  product.latest = { text: { name: "Other", priceCents: 1 }, by: "2027-01-01 B" };
  product.stored = product.latest;
  kept.keep(described);
  assert.deepEqual(lent(), ["b"]);
});

Deno.test("keptProducts() lends nothing for a while once something was not true any more", () => {
  let now = 0;
  const kept = keptProducts(10, () => now);
  kept.keep(catalogOf("a"));
  kept.forget();
  kept.keep(catalogOf("a"));
  assert.equal(kept.lend(emptyCatalog(), naming("a")), false);
  now += 1_000;
  assert.equal(kept.lend(emptyCatalog(), naming("a")), true);
});

Deno.test("sumOfProducts() tells products from those that have changed places, or were described alike", () => {
  const sum = (
    products: readonly (readonly [id: number, sku: string, priceCents: number, by: string])[],
  ) =>
    sumOfProducts({
      ...emptyCatalog(),
      products: new Map(products.map(([id, sku, priceCents, by]) => [
        sku,
        { id, stored: { text: { name: `Tea ${sku}`, priceCents }, by } },
      ])),
    }, products.map(([, sku]) => sku));
  const known = sum([[5, "A", 100, "2026-01-01 1"], [6, "B", 100, "2026-01-01 1"]]);
  assert.equal(known, sum([[6, "B", 100, "2026-01-01 1"], [5, "A", 100, "2026-01-01 1"]]));
  assert.notEqual(known, sum([[5, "B", 100, "2026-01-01 1"], [6, "A", 100, "2026-01-01 1"]]));
  assert.notEqual(known, sum([[5, "A", 150, "2026-02-01 2"], [6, "B", 150, "2026-02-01 2"]]));
});
