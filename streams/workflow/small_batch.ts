/**
 * Whether a batch is small: of orders that somebody waits for, as they come one by one.
 *
 * @module
 */

/** Most orders of a small batch. */
const maxOrders = 100;

/**
 * Whether statements of so many orders go to the server together: each packet is a wait for all of them. Of larger batches a packet
 * would be too large (see `db/connection/statements.ts`), and their reads are rather run side by side.
 */
export function isSmallBatch(orders: { readonly length: number }): boolean {
  return orders.length <= maxOrders;
}
