/**
 * A paid order of several lines with what there is besides, put straight into the tables.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { storeOrder } from "./api.ts";

/** An order that was put there. */
export interface MixedOrder {
  id: number;
  /** Ids of its items: 2 mugs of 7.50, a bag of tea of 5.00, a mug of 4.00. */
  items: number[];
  /** SKU of the mugs, its own. */
  mug: string;
  /** SKU of the tea, its own. */
  tea: string;
}

/** Puts an order of 23.50 there: items of 24.00, shipping of 4.90 and a discount of 5.40. */
export async function storeMixedOrder(db: Database, customer?: string): Promise<MixedOrder> {
  const id = await storeOrder(db, { totalCents: 2_350, customer });
  const mug = `MUG-${id}`;
  const tea = `TEA:${id}`;
  await db.run("update products set stock_qty = stock_qty + 1 where sku = 'TEA'");
  await db.run("delete from order_items where order_id = ?", [id]);
  await db.run(
    `
    insert into products (sku, name, price_cents, stock_qty, received_qty)
    values (?, 'Mug', 750, 7, 10), (?, 'Tea', 500, 9, 10)`,
    [mug, tea],
  );
  for (const [sku, price, qty] of [[mug, 750, 2], [tea, 500, 1], [mug, 400, 1]] as const) {
    await db.run(
      `
      insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
      select ?, id, ?, ?, ?
      from products
      where sku = ?`,
      [id, price, qty, price * qty, sku],
    );
  }
  await db.run(
    `
    insert into order_adjustments (order_id, kind, label, amount_cents)
    values (?, 'shipping', 'Express', 490), (?, 'discount', 'Spring', -540)`,
    [id, id],
  );
  const rows = await db.query("select id from order_items where order_id = ? order by id", [id]);
  return { id, mug, tea, items: rows.map((row) => Number(row.id)) };
}
