/**
 * Stock under lock.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";
import { readPacked } from "../connection/packed_rows.ts";

/**
 * Locks products until the transaction ends, in the order of their ids as every writer does. Orders are
 * always locked before products.
 *
 * @returns units left by product id
 */
export async function lockStock(
  tx: Queryable,
  productIds: Iterable<number>,
): Promise<Map<number, number>> {
  const ids = [...new Set(productIds)].sort((a, b) => a - b);
  if (ids.length === 0) return new Map();
  const { rows } = await readPacked(
    tx,
    [{ sql: "id", kind: "number" }, { sql: "stock_qty", kind: "number" }],
    `
    from products force index (primary)
    where id in (?)
    for update`,
    [ids],
  );
  return new Map(rows.map(([id, qty]) => [toInteger(id!), toInteger(qty!)]));
}

/** Units left by product id, without locks. */
export async function readStockOf(
  db: Queryable,
  productIds: readonly number[],
): Promise<Map<number, number>> {
  if (productIds.length === 0) return new Map();
  const rows = await db.query(
    "select id, stock_qty from products force index (primary) where id in (?)",
    [[...new Set(productIds)]],
  );
  return new Map(rows.map((row) => [toInteger(row.id), toInteger(row.stock_qty)]));
}

/**
 * Writes the units left of locked products. The values are absolute: they were computed from what the
 * lock protects.
 *
 * The engines differ by a factor of two here. On MariaDB a joined update reads the whole table once its
 * statistics are stale, as they are after a bulk load; an upsert by primary key never does. No row is
 * ever inserted by it, because every id was locked; the other columns only satisfy the table's checks.
 */
export async function writeStock(
  tx: Queryable,
  stock: ReadonlyMap<number, number>,
): Promise<void> {
  if (stock.size === 0) return;
  const rows = JSON.stringify([...stock].sort(([a], [b]) => a - b));
  if (tx.engine === "mariadb") {
    await tx.run(
      `
      insert into products (id, sku, name, price_cents, stock_qty, received_qty)
      select changed.id, '', '', 0, changed.stock_qty, changed.stock_qty
      from json_table(?, '$[*]' columns (
        id bigint unsigned path '$[0]', stock_qty bigint path '$[1]')) changed
      on duplicate key update stock_qty = values(stock_qty)`,
      [rows],
    );
  } else {
    await tx.run(
      `
      update json_table(?, '$[*]' columns (
        id bigint unsigned path '$[0]', stock_qty bigint path '$[1]')) changed
      straight_join products force index (primary) on products.id = changed.id
      set products.stock_qty = changed.stock_qty`,
      [rows],
    );
  }
}
