/**
 * Stock as people count it: shows and changes the units of one product.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import { type Database, type Queryable, type Row, toInteger } from "../connection/database.ts";

/** A product's units. */
export interface ProductStock {
  productId: number;
  sku: string;
  name: string;
  /** Units that can be reserved. */
  stockQty: number;
  /** Units that reserved and paid orders hold. */
  heldQty: number;
  /** Units that ever came in: the two together. */
  receivedQty: number;
}

/** How to change the units that can be reserved; what orders hold stays as it is. */
export type StockChange = { set: number } | { add: number };

/** More units than this of one product are taken for a mistake. */
export const maxUnits = 1_000_000_000_000;

/**
 * Reads a product's units.
 *
 * @throws {WorkflowError} `not_found`
 */
export async function readStock(db: Queryable, sku: string): Promise<ProductStock> {
  const [row] = await db.execute(
    `
    select id, sku, name, stock_qty, received_qty
    from products
    where sku = ?`,
    [sku],
  );
  return toProductStock(sku, row);
}

/**
 * Changes a product's units: those that can be reserved and those that ever came in by the same number,
 * so that what orders hold stays right. A crash leaves it changed or as it was. Units are never added
 * twice: where the answer to the commit is lost, somebody has to look.
 *
 * @returns the units before and afterwards
 * @throws {WorkflowError} `not_found`, `invalid` where units would be fewer than none or too many, or
 * `unavailable` where the database was lost while it committed
 */
export function changeStock(
  db: Database,
  sku: string,
  change: StockChange,
): Promise<{ before: ProductStock; after: ProductStock }> {
  return db.transaction(async (tx) => {
    const [row] = await tx.execute(
      `
      select id, sku, name, stock_qty, received_qty
      from products
      where sku = ?
      for update`,
      [sku],
    );
    const before = toProductStock(sku, row);
    const stockQty = "set" in change ? change.set : before.stockQty + change.add;
    if (stockQty < 0) {
      throw new WorkflowError(
        "invalid",
        `Cannot take ${before.stockQty - stockQty} units of ${sku}: only ${before.stockQty} left`,
      );
    }
    const receivedQty = before.receivedQty + stockQty - before.stockQty;
    if (receivedQty > maxUnits) {
      throw new WorkflowError("invalid", `Cannot keep ${receivedQty} units of ${sku}: too many`);
    }
    await tx.run(
      `
      update products
      set stock_qty = ?, received_qty = ?
      where id = ?`,
      [stockQty, receivedQty, before.productId],
    );
    return { before, after: { ...before, stockQty, receivedQty } };
  }, { repeatable: "set" in change });
}

function toProductStock(sku: string, row: Row | undefined): ProductStock {
  if (row === undefined) throw new WorkflowError("not_found", `There is no product "${sku}"`);
  const stockQty = toInteger(row.stock_qty);
  const receivedQty = toInteger(row.received_qty);
  return {
    productId: toInteger(row.id),
    sku: String(row.sku),
    name: String(row.name),
    stockQty,
    heldQty: receivedQty - stockQty,
    receivedQty,
  };
}
