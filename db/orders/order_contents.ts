/**
 * What orders hold, as they come in and as they are edited: their items and what comes beside these.
 *
 * @module
 */

import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { type Catalog, productIdOf } from "../catalog/catalog.ts";
import type { Queryable } from "../connection/database.ts";
import { deleteItems, insertItems } from "./intake_writes.ts";
import { deleteOrderTerms, insertOrderTerms } from "./order_terms.ts";

/** An order that has its row, and what it is to hold. */
export interface OrderWithId {
  orderId: number;
  order: IncomingOrder;
}

/**
 * Writes what orders hold. They must be locked or inserted by this transaction, and their products locked.
 *
 * @param orders at least one
 * @param options.replacedIds those of them that lose what they held before
 * @param options.keptProducts all of their products are locked, and were counted
 * @throws a duplicate key where one was paid by a payment that another order has: nothing may be committed then
 */
export async function writeContents(
  tx: Queryable,
  orders: readonly OrderWithId[],
  { replacedIds, keptProducts = false }: {
    replacedIds: readonly number[];
    keptProducts?: boolean;
  },
  catalog: Catalog,
): Promise<void> {
  if (replacedIds.length > 0) await deleteItems(tx, replacedIds);
  await insertItems(
    tx,
    orders.flatMap(({ orderId, order }) =>
      order.items.map(({ sku, unitPriceCents, qty }) => ({
        orderId,
        productId: productIdOf(catalog, sku),
        unitPriceCents,
        qty,
      }))
    ),
    { keptParents: keptProducts },
  );
  await deleteOrderTerms(tx, replacedIds);
  await insertOrderTerms(tx, orders);
}
