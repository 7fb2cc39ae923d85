/**
 * Stock as people count it: the units of products, and what was changed about them by hand.
 *
 * @module
 */

import { firstStock, type MovementKind, type StockUnits } from "../../domain/catalog/stock.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { listRows } from "../connection/insert_once.ts";

/** A product's units. */
export interface ProductStock extends StockUnits {
  productId: number;
  sku: string;
  name: string;
  /** In the currency of the order that described it last, which the row does not say. */
  priceCents: number;
  /** Units that reserved and paid orders hold. */
  heldQty: number;
}

/** Reads a product's units; undefined where there is no such product. */
export async function readStock(db: Queryable, sku: string): Promise<ProductStock | undefined> {
  const [row] = await db.execute(
    `
    select id, sku, name, price_cents, stock_qty, received_qty
    from products
    where sku = ?`,
    [sku],
  );
  return row === undefined ? undefined : toProductStock(row);
}

/** Reads the units of a product by its id; undefined where there is none. */
export async function readStockById(
  db: Queryable,
  productId: number,
): Promise<ProductStock | undefined> {
  const [row] = await db.execute(
    `
    select id, sku, name, price_cents, stock_qty, received_qty
    from products
    where id = ?`,
    [productId],
  );
  return row === undefined ? undefined : toProductStock(row);
}

/** Locks a product until the transaction ends, and reads its units; undefined where there is no such product. */
export async function lockProductStock(
  tx: Queryable,
  sku: string,
): Promise<ProductStock | undefined> {
  const [row] = await tx.execute(
    `
    select id, sku, name, price_cents, stock_qty, received_qty
    from products
    where sku = ?
    for update`,
    [sku],
  );
  return row === undefined ? undefined : toProductStock(row);
}

/** The ids of products by their SKUs; those are missing that there are not. */
export async function readProductIds(
  db: Queryable,
  skus: readonly string[],
): Promise<Map<string, number>> {
  if (skus.length === 0) return new Map();
  const rows = await db.query("select id, sku from products where sku in (?)", [[...skus]]);
  return new Map(rows.map(({ id, sku }) => [String(sku), toInteger(id)]));
}

/** Locks products until the transaction ends, in the order of their ids, and reads their units by SKU. */
export async function lockProductsOf(
  tx: Queryable,
  productIds: readonly number[],
): Promise<Map<string, ProductStock>> {
  if (productIds.length === 0) return new Map();
  const rows = await tx.query(
    `
    select id, sku, name, price_cents, stock_qty, received_qty
    from products force index (primary)
    where id in (?)
    order by id
    for update`,
    [productIds.toSorted((a, b) => a - b)],
  );
  return new Map(rows.map((row) => [String(row.sku), toProductStock(row)]));
}

/**
 * Inserts products without units; one that is there already stays as it is.
 *
 * @param products by SKU, so that two transactions wait for each other in one order
 */
export async function insertProducts(
  tx: Queryable,
  products: readonly { sku: string; name: string; priceCents: number }[],
): Promise<void> {
  if (products.length === 0) return;
  const listed = listRows(
    "(?, ?, ?, 0, 0)",
    products.map(({ sku, name, priceCents }) => [sku, name, priceCents]),
  );
  await tx.runText(
    `
    insert into products (sku, name, price_cents, stock_qty, received_qty)
    values ${listed.sql}
    on duplicate key update sku = products.sku`,
    listed.values,
  );
}

/**
 * Inserts one product without units.
 *
 * @throws the database's error for a duplicate key where somebody has inserted it at the same moment
 */
export async function insertProduct(
  tx: Queryable,
  { sku, name, priceCents }: { sku: string; name: string; priceCents: number },
): Promise<number> {
  const { insertId } = await tx.run(
    `
    insert into products (sku, name, price_cents, stock_qty, received_qty)
    values (?, ?, ?, 0, 0)`,
    [sku, name, priceCents],
  );
  return insertId;
}

/**
 * Writes the units of locked products. The values are absolute: they were computed from what the lock protects.
 *
 * As `writeStock` of `db/catalog/products.ts` it is an upsert by primary key on MariaDB: no row is ever inserted by
 * it, because every id was locked.
 */
export async function writeUnits(
  tx: Queryable,
  units: readonly (StockUnits & { productId: number })[],
): Promise<void> {
  if (units.length === 0) return;
  const rows = JSON.stringify(
    units.toSorted((a, b) => a.productId - b.productId)
      .map(({ productId, stockQty, receivedQty }) => [productId, stockQty, receivedQty]),
  );
  const changed = `json_table(?, '$[*]' columns (
    id bigint unsigned path '$[0]',
    stock_qty bigint path '$[1]',
    received_qty bigint path '$[2]')) changed`;
  if (tx.engine === "mariadb") {
    await tx.run(
      `
      insert into products (id, sku, name, price_cents, stock_qty, received_qty)
      select changed.id, '', '', 0, changed.stock_qty, changed.received_qty
      from ${changed}
      on duplicate key update stock_qty = values(stock_qty), received_qty = values(received_qty)`,
      [rows],
    );
  } else {
    await tx.run(
      `
      update ${changed}
      straight_join products force index (primary) on products.id = changed.id
      set products.stock_qty = changed.stock_qty, products.received_qty = changed.received_qty`,
      [rows],
    );
  }
}

/** A step in a product's timeline that is no order's. */
export interface StockMovement {
  productId: number;
  kind: MovementKind;
  /** By how many the available units changed. */
  qty: number;
  /** How many were available afterwards. */
  stockQty: number;
  /** The order whose refund brought them back. */
  orderId?: number;
  refundId?: number;
  /** Who did it. */
  actor: string;
  /** For people; cut to {@linkcode maxDetailLength} characters. */
  detail?: string | null;
}

/** Characters of a detail that are kept. */
export const maxDetailLength = 255;

/** Characters of an actor that are kept. */
export const maxActorLength = 128;

/** Adds steps to the timelines of locked products, in the transaction that changes their units. */
export async function addStockMovements(
  tx: Queryable,
  movements: readonly StockMovement[],
): Promise<void> {
  if (movements.length === 0) return;
  await tx.run(
    `
    insert into stock_movements
      (product_id, kind, qty, stock_qty, order_id, refund_id, actor, detail)
    select j.product_id, j.kind, j.qty, j.stock_qty, j.order_id, j.refund_id, j.actor, j.detail
    from json_table(?, '$[*]' columns (
      product_id bigint unsigned path '$[0]',
      kind varchar(16) character set ascii path '$[1]',
      qty bigint path '$[2]',
      stock_qty bigint path '$[3]',
      order_id bigint unsigned path '$[4]',
      refund_id bigint unsigned path '$[5]',
      actor varchar(128) character set utf8mb4 path '$[6]',
      detail varchar(255) character set utf8mb4 path '$[7]')) j`,
    [
      JSON.stringify(movements.map((movement) => [
        movement.productId,
        movement.kind,
        movement.qty,
        movement.stockQty,
        movement.orderId ?? null,
        movement.refundId ?? null,
        cutText(movement.actor, maxActorLength),
        movement.detail == null ? null : cutText(movement.detail, maxDetailLength),
      ])),
    ],
  );
}

/**
 * Adds the first step to the timelines of products that were just created with units, in the transaction that
 * creates them. What somebody else has created at the same moment has its first step already.
 *
 * @param skus of products that were missing
 * @param units that each of them was created with, more than none
 */
export async function addFirstStock(
  tx: Queryable,
  skus: readonly string[],
  units: number,
  actor: string,
): Promise<void> {
  await tx.run(
    `
    insert into stock_movements (product_id, kind, qty, stock_qty, actor, detail)
    select products.id, 'received', ?, ?, ?, ?
    from json_table(?, '$[*]' columns (
      sku varchar(64) character set utf8mb4 collate utf8mb4_bin path '$')) j
    straight_join products on products.sku = j.sku
    where products.received_qty = ? and not exists (
      select 1 from stock_movements earlier where earlier.product_id = products.id)`,
    [units, units, cutText(actor, maxActorLength), firstStock, JSON.stringify(skus), units],
  );
}

/** The units that a product was created with, as its timeline says; 0 where that does not say. */
export async function readFirstStock(db: Queryable, productId: number): Promise<number> {
  const [row] = await db.execute(
    `
    select qty, detail
    from stock_movements force index (stock_movements_product)
    where product_id = ?
    order by id
    limit 1`,
    [productId],
  );
  return row !== undefined && String(row.detail).startsWith(firstStock) ? toInteger(row.qty) : 0;
}

function toProductStock(row: Row): ProductStock {
  const stockQty = toInteger(row.stock_qty);
  const receivedQty = toInteger(row.received_qty);
  return {
    productId: toInteger(row.id),
    sku: String(row.sku),
    name: String(row.name),
    priceCents: toInteger(row.price_cents),
    stockQty,
    heldQty: receivedQty - stockQty,
    receivedQty,
  };
}
