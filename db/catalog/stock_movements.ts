/**
 * How the units of products came and went, beside what orders reserve and release.
 *
 * @module
 */

import type { Queryable } from "../connection/database.ts";

/** Units that came back by a refund. */
export interface RestockedUnits {
  productId: number;
  /** How many came back. */
  qty: number;
  /** Units that can be reserved afterwards. */
  stockQty: number;
  orderId: number;
  refundId: number;
}

/** Writes that units came back, in the transaction that puts them into stock. */
export async function addRestockedUnits(
  tx: Queryable,
  movements: readonly RestockedUnits[],
  actor: string,
): Promise<void> {
  if (movements.length === 0) return;
  await tx.run(
    `
    insert into stock_movements (product_id, kind, qty, stock_qty, order_id, refund_id, actor)
    select moved.product_id, 'returned', moved.qty, moved.stock_qty, moved.order_id,
      moved.refund_id, ?
    from json_table(?, '$[*]' columns (
      product_id bigint unsigned path '$[0]',
      qty bigint path '$[1]',
      stock_qty bigint path '$[2]',
      order_id bigint unsigned path '$[3]',
      refund_id bigint unsigned path '$[4]')) moved`,
    [
      actor,
      JSON.stringify(movements.map(({ productId, qty, stockQty, orderId, refundId }) => [
        productId,
        qty,
        stockQty,
        orderId,
        refundId,
      ])),
    ],
  );
}
