/**
 * Changing a product's stock by hand: the one way for it.
 *
 * @module
 */

import { lockProductStock, type ProductStock, writeProductStock } from "../db/catalog/stock.ts";
import {
  decideStockChange,
  type StockChange,
  type StockDecision,
  unknownProduct,
} from "../domain/catalog/stock.ts";
import { WorkflowError } from "../domain/errors.ts";
import type { ServiceDeps } from "./publish_after_commit.ts";

/**
 * Changes the units of a product that can be reserved and those that ever came in by the same number. A crash leaves
 * it changed or as it was. Units are never added twice: where the answer to the commit is lost, somebody has to
 * look. Orders that wait for the units are told of them by `stockArrived`, after it.
 *
 * @returns the units before and afterwards
 * @throws {WorkflowError} `not_found`, `invalid` where units would be fewer than none or too many, or
 * `unavailable` where the database was lost while it committed
 */
export function changeStock(
  { db }: Pick<ServiceDeps, "db">,
  sku: string,
  change: StockChange,
): Promise<{ before: ProductStock; after: ProductStock }> {
  return db.transaction(async (tx) => {
    const before = await lockProductStock(tx, sku);
    if (before === undefined) throw unknownProduct(sku);
    const decision = decideStockChange(before, change);
    if (decision.kind !== "change") throw refusal(before, decision);
    const { stockQty, receivedQty } = decision;
    await writeProductStock(tx, before.productId, { stockQty, receivedQty });
    return { before, after: { ...before, stockQty, receivedQty } };
  }, { repeatable: "set" in change });
}

function refusal(
  { sku, stockQty }: ProductStock,
  { kind, ...wanted }: StockDecision,
): WorkflowError {
  return new WorkflowError(
    "invalid",
    kind === "fewer_than_none"
      ? `Cannot take ${stockQty - wanted.stockQty} units of ${sku}: only ${stockQty} left`
      : `Cannot keep ${wanted.receivedQty} units of ${sku}: too many`,
  );
}
