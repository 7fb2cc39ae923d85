/**
 * Changes the units of many products in one transaction: what all changes by hand have in common.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  addStockMovements,
  insertProducts,
  lockProductsOf,
  type ProductStock,
  readProductIds,
  type StockMovement,
  writeUnits,
} from "../../db/catalog/stock.ts";
import {
  decideStockChange,
  firstStock,
  movementOf,
  type StockChange,
  stockProblem,
} from "../../domain/catalog/stock.ts";

/** A change of one product's units. */
export interface UnitsChange {
  sku: string;
  change: StockChange;
  /** A word for the product's timeline; null for none. */
  detail: string | null;
  /** What the product is created as where it is not there yet; undefined: it is not created. */
  create?: { name: string; priceCents: number };
}

/** What became of a change. */
export type ChangedUnits =
  | { kind: "changed" | "unchanged"; before: ProductStock; after: ProductStock; created: boolean }
  | { kind: "unknown" }
  | { kind: "refused"; reason: string };

/**
 * Changes units, one change after the other, and writes a step into each product's timeline where they differ
 * afterwards. Products that are to be created are inserted first; then all are locked by id.
 *
 * @param actor who changes them, for the timelines
 * @returns what became of each, in the order given
 */
export async function changeUnits(
  tx: Queryable,
  changes: readonly UnitsChange[],
  actor: string,
): Promise<ChangedUnits[]> {
  const known = await readProductIds(tx, [...new Set(changes.map(({ sku }) => sku))]);
  const created = await createMissing(tx, changes, known);
  const products = await lockProductsOf(tx, [...known.values()]);
  const movements: StockMovement[] = [];
  const written = new Set<string>();
  const results = changes.map(({ sku, change, detail }): ChangedUnits => {
    const before = products.get(sku);
    if (before === undefined) return { kind: "unknown" };
    const decision = decideStockChange(before, change);
    const reason = stockProblem(before, decision);
    if (reason !== undefined) return { kind: "refused", reason };
    const { stockQty, receivedQty } = decision;
    const after = { ...before, stockQty, receivedQty };
    const isNew = created.delete(sku);
    const movement = movementOf(before, after);
    if (movement === undefined) return { kind: "unchanged", before, after, created: isNew };
    products.set(sku, after);
    written.add(sku);
    const said = isNew ? [firstStock, detail].filter(Boolean).join(": ") : detail;
    movements.push({ productId: before.productId, ...movement, stockQty, actor, detail: said });
    return { kind: "changed", before, after, created: isNew };
  });
  await writeUnits(tx, [...written].map((sku) => products.get(sku)!));
  await addStockMovements(tx, movements);
  return results;
}

/**
 * Inserts the products that are not there, and adds their ids to those known; returns their SKUs. A change that no
 * product without units could take creates none.
 */
async function createMissing(
  tx: Queryable,
  changes: readonly UnitsChange[],
  known: Map<string, number>,
): Promise<Set<string>> {
  const missing = new Map(
    changes.flatMap(({ sku, change, create }) => {
      if (create === undefined || known.has(sku)) return [];
      const { kind } = decideStockChange({ stockQty: 0, receivedQty: 0 }, change);
      return kind === "change" ? [[sku, { sku, ...create }] as const] : [];
    }),
  );
  const skus = [...missing.keys()].sort();
  await insertProducts(tx, skus.map((sku) => missing.get(sku)!));
  for (const [sku, id] of await readProductIds(tx, skus)) known.set(sku, id);
  return new Set(skus);
}

/** The products of which units arrived, each once. */
export function arrivedProducts(results: readonly ChangedUnits[]): number[] {
  return [
    ...new Set(
      results.flatMap((result) =>
        result.kind === "changed" && result.after.stockQty > result.before.stockQty
          ? [result.after.productId]
          : []
      ),
    ),
  ];
}
