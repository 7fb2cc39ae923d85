import assert from "node:assert/strict";
import { type Catalog, emptyCatalog } from "../../../db/catalog/catalog.ts";
import { keptProducts } from "../../../db/catalog/kept_products.ts";
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
  kept.lend(asked, naming("a"));
  assert.ok(!asked.hasLent);
  kept.keep(catalogOf("a", "b"));
  kept.lend(asked, naming("a", "c"));
  assert.equal(asked.hasLent, true);
  assert.deepEqual([...asked.products.keys()], ["a"]);
  asked.products.get("a")!.latest = { text: { name: "Other", priceCents: 1 }, by: "2027-01-01 B" };
  const next = emptyCatalog();
  kept.lend(next, naming("a"));
  assert.equal(next.products.get("a")!.latest, undefined);
  kept.lend(next, naming("a"));
  assert.equal(next.hasLent, true, "it was lent before");
  const own = catalogOf("a");
  kept.lend(own, naming("a"));
  assert.ok(!own.hasLent, "it knows that one by itself");
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
  const lends = () => {
    const catalog = emptyCatalog();
    kept.lend(catalog, naming("a"));
    return catalog.hasLent === true;
  };
  assert.equal(lends(), false);
  now += 1_000;
  assert.equal(lends(), true);
});
