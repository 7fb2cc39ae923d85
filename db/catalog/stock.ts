/**
 * Stock as people count it: the units of one product.
 *
 * @module
 */

import type { StockUnits } from "../../domain/catalog/stock.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";

/** A product's units. */
export interface ProductStock extends StockUnits {
  productId: number;
  sku: string;
  name: string;
  /** Units that reserved and paid orders hold. */
  heldQty: number;
}

/** Reads a product's units; undefined where there is no such product. */
export async function readStock(db: Queryable, sku: string): Promise<ProductStock | undefined> {
  const [row] = await db.execute(
    `
    select id, sku, name, stock_qty, received_qty
    from products
    where sku = ?`,
    [sku],
  );
  return row === undefined ? undefined : toProductStock(row);
}

/** Locks a product until the transaction ends, and reads its units; undefined where there is no such product. */
export async function lockProductStock(
  tx: Queryable,
  sku: string,
): Promise<ProductStock | undefined> {
  const [row] = await tx.execute(
    `
    select id, sku, name, stock_qty, received_qty
    from products
    where sku = ?
    for update`,
    [sku],
  );
  return row === undefined ? undefined : toProductStock(row);
}

/** Writes the units of a product, which must be locked. */
export async function writeProductStock(
  tx: Queryable,
  productId: number,
  { stockQty, receivedQty }: StockUnits,
): Promise<void> {
  await tx.run(
    `
    update products
    set stock_qty = ?, received_qty = ?
    where id = ?`,
    [stockQty, receivedQty, productId],
  );
}

function toProductStock(row: Row): ProductStock {
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
