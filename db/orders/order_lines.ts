/**
 * What orders' totals are made of: items and adjustments.
 *
 * @module
 */

import { adjustmentsCentsOf, type RecordedKind } from "../../domain/order/adjustment.ts";
import type { AdjustmentLine, OrderLine, OrderLines } from "../../domain/order/order_lines.ts";
import { archivedForm, readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";

const itemColumns = `
  order_items.id, products.sku, products.name, order_items.unit_price_cents, order_items.qty,
  order_items.subtotal_cents`;

const adjustmentColumns = "id, order_id, kind, label, amount_cents, included";

/** All items of an order, in the order of their rows. */
export async function readOrderItems(db: Queryable, orderId: number): Promise<OrderLine[]> {
  const rows = await readEverywhere(
    db,
    `
    select ${itemColumns}
    from order_items
    straight_join products on products.id = order_items.product_id
    where order_items.order_id = ?`,
    [orderId],
    "order by id",
  );
  return rows.map(toOrderLine);
}

/** The first adjustments of an order, at most `limit`. */
export async function readOrderAdjustments(
  db: Queryable,
  orderId: number,
  limit: number,
): Promise<AdjustmentLine[]> {
  const rows = await readEverywhere(
    db,
    `
    select ${adjustmentColumns}
    from order_adjustments force index (order_adjustments_order)
    where order_id = ?
    order by id
    limit ${limit}`,
    [orderId],
    `order by id limit ${limit}`,
  );
  return rows.map(toAdjustmentLine);
}

/**
 * What the totals of some orders are made of, by three statements however many they are. Of an order with ten thousand
 * items only the first are read, and the others counted in the index.
 *
 * @param options.limit most items and most adjustments of each order
 */
export async function readOrderLines(
  db: Queryable,
  orderIds: readonly number[],
  { limit }: { limit: number },
): Promise<Map<number, OrderLines>> {
  const ids = [...new Set(orderIds)];
  if (ids.length === 0) return new Map();
  const [orders, items, adjustments] = await Promise.all([
    db.query(
      `
      select orders.id, orders.total_cents, ${itemCount} + ${archivedForm(itemCount)} as item_count
      from orders
      where orders.id in (?)`,
      [ids],
    ),
    db.query(
      ids.map(() => `${firstItems} union all ${archivedForm(firstItems)}`).join(" union all "),
      ids.flatMap((id) => [id, limit, id, limit]),
    ),
    readEverywhere(
      db,
      `
      select ${adjustmentColumns}
      from order_adjustments force index (order_adjustments_order)
      where order_id in (?)`,
      [ids],
      "order by id",
    ),
  ]);
  const itemsOf = Map.groupBy(items, (row) => toInteger(row.order_id));
  const adjustmentsOf = Map.groupBy(adjustments, (row) => toInteger(row.order_id));
  return new Map(orders.map((row) => {
    const id = toInteger(row.id);
    const all = (adjustmentsOf.get(id) ?? []).map(toAdjustmentLine);
    const adjustmentsCents = adjustmentsCentsOf(all);
    return [id, {
      items: (itemsOf.get(id) ?? []).map(toOrderLine).toSorted((a, b) => a.id - b.id),
      itemCount: toInteger(row.item_count),
      itemsCents: toInteger(row.total_cents) - adjustmentsCents,
      adjustments: all.slice(0, limit),
      adjustmentCount: all.length,
      adjustmentsCents,
    }];
  }));
}

/**
 * The first items of one order: the index has them in the order of their ids, so no other is read. Believing that there
 * are hardly any products, MariaDB would read and sort them all.
 */
const firstItems = `
  (select order_items.order_id, ${itemColumns}
  from order_items force index (order_items_order)
  straight_join products force index (primary) on products.id = order_items.product_id
  where order_items.order_id = ?
  order by order_items.id
  limit ?)`;

const itemCount = `(select count(*) from order_items force index (order_items_order)
         where order_items.order_id = orders.id)`;

/** What adjustments of one kind add up to. */
export interface AdjustmentSum {
  kind: RecordedKind;
  included: boolean;
  amountCents: number;
}

/** What the adjustments of some orders add up to, by order id; an order without any is absent. */
export async function readAdjustmentSums(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, AdjustmentSum[]>> {
  if (orderIds.length === 0) return new Map();
  const rows = await readEverywhere(
    db,
    `
    select order_id, kind, included, sum(amount_cents) as amount_cents
    from order_adjustments force index (order_adjustments_order)
    where order_id in (?)
    group by order_id, kind, included`,
    [[...orderIds]],
  );
  const sums = new Map<number, AdjustmentSum[]>();
  for (const row of rows) {
    const id = toInteger(row.order_id);
    const sum = {
      kind: row.kind as RecordedKind,
      included: toInteger(row.included) === 1,
      amountCents: toInteger(row.amount_cents),
    };
    sums.set(id, [...sums.get(id) ?? [], sum]);
  }
  return sums;
}

function toOrderLine(row: Row): OrderLine {
  return {
    id: toInteger(row.id),
    sku: String(row.sku),
    name: String(row.name),
    unitPriceCents: toInteger(row.unit_price_cents),
    qty: toInteger(row.qty),
    subtotalCents: toInteger(row.subtotal_cents),
  };
}

function toAdjustmentLine(row: Row): AdjustmentLine {
  return {
    id: toInteger(row.id),
    kind: row.kind as RecordedKind,
    label: row.label as string | null,
    amountCents: toInteger(row.amount_cents),
    included: toInteger(row.included) === 1,
  };
}
