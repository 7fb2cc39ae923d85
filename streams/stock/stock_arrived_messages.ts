/**
 * What follows where units of products came in, or came back.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { awaitedAmong } from "../../db/orders/shortages.ts";
import type { StockMessage } from "../../domain/messages/messages.ts";

/**
 * The messages that take up the orders which wait for products: one a product that any waits for, mostly none. To be
 * asked for while the products are locked, or after the commit: whoever comes to wait for one meanwhile finds its new
 * units.
 *
 * @param db the transaction that adds the units, or the database afterwards
 * @param productIds of which there are more units now
 */
export async function stockArrivedMessages(
  db: Queryable,
  productIds: readonly number[],
): Promise<StockMessage[]> {
  const awaited = await awaitedAmong(db, productIds);
  return awaited.map((productId) => ({ type: "stock.arrived", productId }));
}
