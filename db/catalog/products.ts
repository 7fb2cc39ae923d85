/**
 * Stock under lock.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";
import { listRows } from "../connection/insert_once.ts";
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

/**
 * Takes units of products without having locked them: one statement holds them until the commit, and `products_never_oversold`
 * holds it where there are too few by then.
 *
 * @param units to take by product id, of products that exist
 * @throws what {@linkcode isOversold} knows; nothing may be committed then
 */
export async function takeStock(
  tx: Queryable,
  units: ReadonlyMap<number, number>,
): Promise<void> {
  if (units.size === 0) return;
  const rows = [...units].sort(([a], [b]) => a - b);
  if (tx.engine === "mariadb") {
    // Listed, because an insert of what a select finds may hold the table's counter while it waits for a row.
    const listed = listRows("(?, '', '', 0, ?, ?)", rows.map(([id, qty]) => [id, qty, qty]));
    await tx.runText(
      `
      insert into products (id, sku, name, price_cents, stock_qty, received_qty)
      values ${listed.sql}
      on duplicate key update stock_qty = products.stock_qty - values(stock_qty)`,
      listed.values,
    );
  } else {
    await tx.run(
      `
      update json_table(?, '$[*]' columns (
        id bigint unsigned path '$[0]', qty bigint path '$[1]')) taken
      straight_join products force index (primary) on products.id = taken.id
      set products.stock_qty = products.stock_qty - taken.qty`,
      [JSON.stringify(rows)],
    );
  }
}

/** True where there are too few units. */
export function isOversold(error: unknown): boolean {
  const { errno } = (error ?? {}) as { errno?: number };
  // A check of the table is violated, on MariaDB and on MySQL; no other one can be by taking units.
  return errno === 4025 || errno === 3819;
}

/** Units left of all products of some orders, by product id, without locks. */
export async function readStockOfOrders(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, number>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select products.id, products.stock_qty
    from order_items force index (order_items_order)
    straight_join products force index (primary) on products.id = order_items.product_id
    where order_items.order_id in (?)`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.id), toInteger(row.stock_qty)]));
}
