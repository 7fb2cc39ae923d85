/**
 * Puts the units of refunds back into stock.
 *
 * @module
 */

import { lockStock, writeStock } from "../../db/catalog/products.ts";
import { addRestockedUnits, type RestockedUnits } from "../../db/catalog/stock_movements.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { markRestocked, readUnitsToRestock } from "../../db/refunds/refund_contents.ts";
import type { StockMessage } from "../../domain/messages/messages.ts";
import { stockArrivedMessages } from "../stock/stock_arrived_messages.ts";

/**
 * Puts the units that refunds bring back into stock, in the transaction in which they become `PROCESSED`: their orders
 * and rows are locked, the products are locked here, in the order of their ids. Each unit returns once, whoever comes
 * again: a line says when it has. Refunds of a mere amount cost no statement.
 *
 * To be called last, so that products stay locked for as short as can be.
 *
 * @param refunds those that become `PROCESSED`
 * @param actor who processes them, for the products' timelines
 * @returns what takes up the orders that wait for these units, to be published after the commit
 */
export async function restockUnits(
  tx: Queryable,
  refunds: readonly { id: number; itemized?: boolean }[],
  actor: string,
): Promise<StockMessage[]> {
  const itemized = refunds.filter((refund) => refund.itemized === true).map(({ id }) => id);
  const lines = await readUnitsToRestock(tx, itemized);
  if (lines.length === 0) return [];
  const stock = await lockStock(tx, lines.map(({ productId }) => productId));
  const movements = lines.map(({ productId, qty, orderId, refundId }): RestockedUnits => {
    const stockQty = stock.get(productId)! + qty;
    stock.set(productId, stockQty);
    return { productId, qty, stockQty, orderId, refundId };
  });
  await writeStock(tx, stock);
  await markRestocked(tx, lines.map(({ id }) => id));
  await addRestockedUnits(tx, movements, actor);
  return await stockArrivedMessages(tx, [...stock.keys()]);
}
