/**
 * Finds units that orders wait for and that nobody was told of.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { listAwaitedInStock } from "../../db/orders/shortages.ts";
import { publish, type PublishDeps } from "../workflow/publish.ts";

/**
 * Publishes `stock.arrived` for each product that orders wait for although there are units of it, whether or not such
 * a message is on its way: handling one too many changes nothing. One look-up by index where nobody waits.
 *
 * @returns how many were published
 */
export async function publishAwaitedStock(deps: PublishDeps & { db: Queryable }): Promise<number> {
  const productIds = await listAwaitedInStock(deps.db);
  return await publish(
    deps,
    productIds.map((productId) => ({ message: { type: "stock.arrived", productId } })),
  );
}
