/**
 * Puts the units of orders that fail back into stock.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { lockStock, writeStock } from "../../db/catalog/products.ts";
import { readItems } from "../../db/orders/orders.ts";
import type { StockMessage } from "../../domain/messages/messages.ts";
import { sumNeeds } from "../../domain/order/reserve.ts";
import { stockArrivedMessages } from "../stock/stock_arrived_messages.ts";

/**
 * Puts the units of locked `RESERVED` orders back, which must fail in the same transaction.
 *
 * @returns what takes up the orders that wait for these units, to be published after the commit
 */
export async function restock(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<StockMessage[]> {
  if (orderIds.length === 0) return [];
  const items = await readItems(tx, orderIds);
  const needs = sumNeeds([...items.values()].flat());
  const stock = await lockStock(tx, needs.map(({ productId }) => productId));
  for (const { productId, qty } of needs) stock.set(productId, stock.get(productId)! + qty);
  await writeStock(tx, stock);
  return await stockArrivedMessages(tx, [...stock.keys()]);
}
