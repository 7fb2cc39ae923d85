/**
 * Statements by which an order's source changes it after it was taken.
 *
 * @module
 */

import type { Catalog } from "../catalog/catalog.ts";
import type { Queryable } from "../connection/database.ts";
import { type KnownOrder, type OrderToWrite, updateOrders } from "./intake_writes.ts";
import { writeContents } from "./order_contents.ts";

/**
 * Gives an order, which must be locked, all of its content anew, and its next revision.
 *
 * @param known as it was locked
 * @param catalog knows its customer and products
 * @throws {Error} where it is in another state than `known`, or a duplicate key where the payment that it names is
 * another order's: nothing may be committed then
 */
export async function replaceContent(
  tx: Queryable,
  candidate: OrderToWrite,
  known: KnownOrder,
  catalog: Catalog,
): Promise<void> {
  const { order } = candidate;
  const locked = new Map([[order.externalOrderId, known]]);
  await updateOrders(tx, [candidate], locked, catalog, known.status);
  await writeContents(tx, [{ orderId: known.id, order }], { replacedIds: [known.id] }, catalog);
}

/**
 * Begins the reservation of a `RESERVED` order anew, which must be locked: the time for its payment runs from now.
 *
 * @param now the database's clock, UTC
 */
export async function restartReservation(
  tx: Queryable,
  orderId: number,
  now: string,
): Promise<void> {
  await tx.run(
    "update orders set reserved_time = ? where id = ? and status = 'RESERVED'",
    [now, orderId],
  );
}
