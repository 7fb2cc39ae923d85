/**
 * Changing a product's stock by hand: the one way for it.
 *
 * @module
 */

import {
  changeStock as writeChange,
  type ProductStock,
  type StockChange,
} from "../db/catalog/stock.ts";
import type { ServiceDeps } from "./publish_after_commit.ts";

/**
 * Changes the units of a product that can be reserved, see {@linkcode writeChange}. Nothing is published: orders
 * that wait for units ask for them by themselves.
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
  return writeChange(db, sku, change);
}
