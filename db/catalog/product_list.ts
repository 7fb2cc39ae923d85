/**
 * Products with their stock, for people.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** A product as its row says. */
export interface ListedProduct {
  id: number;
  sku: string;
  name: string;
  /** In minor units of {@linkcode ListedProduct.currency}. */
  priceCents: number;
  /** Of the order that the price is from; null where no order says. */
  currency: string | null;
  stockQty: number;
  receivedQty: number;
  /** True where orders ran short of it, and wait for units or failed for want of them. */
  isShort: boolean;
}

/** What is looked for; what is undefined does not matter. */
export interface ProductSearch {
  /** The beginning of a SKU, or a part of a name. */
  text?: string;
  /** Only those of which at most this many units are left. */
  maxStock?: number;
  /** Only those that orders ran short of. */
  isShort?: boolean;
}

/** A page of products. */
export interface FoundProducts {
  products: ListedProduct[];
  /** Where the next page begins: ids above it; undefined where nothing more can follow. */
  nextAfterId: number | undefined;
  /** True if the search stopped before the page was full, and is to go on by the next page. */
  stoppedEarly: boolean;
}

/** Ids that one page looks at, so that a rare product never costs a whole table. */
const maxScanned = 100_000;

/** Whether orders ran short of a product: one look into an index. */
const shortages = `exists (
        select 1
        from order_shortages force index (order_shortages_queue)
        where order_shortages.product_id = products.id)`;

/** The external id of the order that described a product last: it stands behind the order's date and time. */
const describingOrder =
  "substring(products.described_by, locate(' ', products.described_by, 12) + 1)";

/**
 * Products by their ids, walking up the primary key; a page that found too little after
 * {@linkcode maxScanned} ids says so, and the next page goes on there.
 */
export async function searchProducts(
  db: Queryable,
  search: ProductSearch,
  options: { afterId: number; limit: number },
): Promise<FoundProducts> {
  const { afterId, limit } = options;
  const escaped = search.text?.replace(/[\\%_]/g, "\\$&");
  const rows = await db.query(
    `
    select products.id, products.sku, products.name, products.price_cents, products.stock_qty,
      products.received_qty, orders.currency, ${shortages} as is_short
    from products
    left join orders on orders.external_order_id = ${describingOrder}
    where products.id > ? and products.id <= ?
      ${escaped === undefined ? "" : "and (products.sku like ? or products.name like ?)"}
      ${search.maxStock === undefined ? "" : "and products.stock_qty <= ?"}
      ${search.isShort ? `and ${shortages}` : ""}
    order by products.id
    limit ?`,
    [
      afterId,
      afterId + maxScanned,
      ...(escaped === undefined ? [] : [`${escaped}%`, `%${escaped}%`]),
      ...(search.maxStock === undefined ? [] : [search.maxStock]),
      limit + 1,
    ],
  );
  const products = rows.slice(0, limit).map((row) => ({
    id: toInteger(row.id),
    sku: String(row.sku),
    name: String(row.name),
    priceCents: toInteger(row.price_cents),
    currency: row.currency as string | null,
    stockQty: toInteger(row.stock_qty),
    receivedQty: toInteger(row.received_qty),
    isShort: toInteger(row.is_short) === 1,
  }));
  if (rows.length > limit) {
    return { products, nextAfterId: products.at(-1)!.id, stoppedEarly: false };
  }
  const [row] = await db.execute("select max(id) as id from products");
  const highest = row?.id === null || row === undefined ? 0 : toInteger(row.id);
  return highest > afterId + maxScanned
    ? { products, nextAfterId: afterId + maxScanned, stoppedEarly: true }
    : { products, nextAfterId: undefined, stoppedEarly: false };
}

/** The currency of the order that a product's price is from; null where no order says. */
export async function readPriceCurrency(db: Queryable, productId: number): Promise<string | null> {
  const [row] = await db.execute(
    `
    select orders.currency
    from products
    straight_join orders force index (orders_external_order_id)
      on orders.external_order_id = ${describingOrder}
    where products.id = ?`,
    [productId],
  );
  return row === undefined ? null : String(row.currency);
}
