/**
 * What refunds are for: units of lines, and parts of what was charged beside them. Only refunds whose row says so have
 * any (`itemized`), so that those of a mere amount cost no statement here.
 *
 * @module
 */

import type {
  OrderContents,
  RefundAdjustment,
  RefundLine,
} from "../../domain/refund/refund_items.ts";
import type { RefundableKind, SharedAdjustment, SharedItem } from "../../domain/refund/shares.ts";
import type { RefundLines } from "../../domain/notification/content.ts";
import { archivedForm, readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import type { RefundRow } from "./refund_rows.ts";
import { isClaimed } from "./returned_refunds.ts";

/** Units of a line that a refund is for. */
export interface RefundLineRow extends RefundLine {
  /** True once they are back in stock, which is when the refund is processed. */
  restocked: boolean;
}

/** What a refund is for; nothing where it is of a mere amount. */
export interface RefundContents {
  /** In the order in which they were decided. */
  lines: RefundLineRow[];
  adjustments: RefundAdjustment[];
}

/** A refund with what it is for. */
export type RefundDetail = RefundRow & RefundContents;

/** Refunds with what they are for. */
export async function readRefundDetails(
  db: Queryable,
  refunds: readonly RefundRow[],
): Promise<RefundDetail[]> {
  const ids = refunds.filter(({ itemized }) => itemized).map(({ id }) => id);
  const contents = await readRefundContents(db, ids);
  return refunds.map((refund) => ({
    ...refund,
    ...contents.get(refund.id) ?? { lines: [], adjustments: [] },
  }));
}

/** What refunds are for, by their ids. */
export async function readRefundContents(
  db: Queryable,
  refundIds: readonly number[],
): Promise<Map<number, RefundContents>> {
  if (refundIds.length === 0) return new Map();
  const contents = new Map<number, RefundContents>(
    refundIds.map((id) => [id, { lines: [], adjustments: [] }]),
  );
  const lines = await readEverywhere(
    db,
    `
    select refund_lines.id, refund_lines.refund_id, refund_lines.order_item_id, products.sku, refund_lines.qty,
      refund_lines.amount_cents, refund_lines.restock, refund_lines.restocked
    from refund_lines force index (refund_lines_refund)
    straight_join order_items on order_items.id = refund_lines.order_item_id
    straight_join products on products.id = order_items.product_id
    where refund_lines.refund_id in (?)`,
    [[...refundIds]],
    "order by id",
  );
  for (const row of lines) {
    contents.get(toInteger(row.refund_id))!.lines.push({
      itemId: toInteger(row.order_item_id),
      sku: String(row.sku),
      qty: toInteger(row.qty),
      amountCents: toInteger(row.amount_cents),
      restock: toInteger(row.restock) === 1,
      restocked: toInteger(row.restocked) === 1,
    });
  }
  const adjustments = await readEverywhere(
    db,
    `
    select id, refund_id, kind, amount_cents
    from refund_adjustments force index (refund_adjustments_refund)
    where refund_id in (?)`,
    [[...refundIds]],
    "order by id",
  );
  for (const row of adjustments) {
    contents.get(toInteger(row.refund_id))!.adjustments.push({
      kind: row.kind as RefundableKind,
      amountCents: toInteger(row.amount_cents),
    });
  }
  return contents;
}

/**
 * What refunds are for, by their ids, for whoever is told of them: of one with ten thousand lines only the first are
 * read, and the others counted in the index.
 *
 * @param options.limit most lines of each refund
 */
export async function readRefundLines(
  db: Queryable,
  refundIds: readonly number[],
  { limit }: { limit: number },
): Promise<Map<number, RefundLines>> {
  const ids = [...new Set(refundIds)];
  if (ids.length === 0) return new Map();
  const [counts, lines, adjustments] = await Promise.all([
    readEverywhere(
      db,
      `
      select refund_id, count(*) as line_count
      from refund_lines force index (refund_lines_refund)
      where refund_id in (?)
      group by refund_id`,
      [ids],
    ),
    db.query(
      ids.map(() => `${firstLines} union all ${archivedForm(firstLines)}`).join(" union all "),
      ids.flatMap((id) => [id, limit, id, limit]),
    ),
    readEverywhere(
      db,
      `
      select id, refund_id, kind, amount_cents
      from refund_adjustments force index (refund_adjustments_refund)
      where refund_id in (?)`,
      [ids],
      "order by id",
    ),
  ]);
  const countOf = new Map(
    counts.map((row) => [toInteger(row.refund_id), toInteger(row.line_count)]),
  );
  const linesOf = Map.groupBy(lines, (row) => toInteger(row.refund_id));
  const adjustmentsOf = Map.groupBy(adjustments, (row) => toInteger(row.refund_id));
  return new Map(ids.map((id) => [id, {
    lines: (linesOf.get(id) ?? []).toSorted((a, b) => toInteger(a.id) - toInteger(b.id)).map((
      row,
    ) => ({
      itemId: toInteger(row.order_item_id),
      sku: String(row.sku),
      name: String(row.name),
      qty: toInteger(row.qty),
      amountCents: toInteger(row.amount_cents),
      restocked: toInteger(row.restocked) === 1,
    })),
    lineCount: countOf.get(id) ?? 0,
    adjustments: (adjustmentsOf.get(id) ?? []).map((row) => ({
      kind: row.kind as RefundableKind,
      amountCents: toInteger(row.amount_cents),
    })),
  }]));
}

/** The first lines of one refund, in the order of the index. */
const firstLines = `
  (select refund_lines.id, refund_lines.refund_id, refund_lines.order_item_id, products.sku, products.name,
    refund_lines.qty, refund_lines.amount_cents, refund_lines.restocked
  from refund_lines force index (refund_lines_refund)
  straight_join order_items force index (primary) on order_items.id = refund_lines.order_item_id
  straight_join products force index (primary) on products.id = order_items.product_id
  where refund_lines.refund_id = ?
  order by refund_lines.id
  limit ?)`;

/** Writes what refunds are for, in the transaction that inserts them. */
export async function insertRefundContents(
  tx: Queryable,
  refunds: readonly {
    id: number;
    lines: readonly RefundLine[];
    adjustments: readonly RefundAdjustment[];
  }[],
): Promise<void> {
  const lines = refunds.flatMap(({ id, lines }) =>
    lines.map(({ itemId, qty, amountCents, restock }) => [
      id,
      itemId,
      qty,
      amountCents,
      restock ? 1 : 0,
    ])
  );
  if (lines.length > 0) {
    await tx.run(
      `
      insert into refund_lines (refund_id, order_item_id, qty, amount_cents, restock)
      select line.refund_id, line.order_item_id, line.qty, line.amount_cents, line.restock
      from json_table(?, '$[*]' columns (
        refund_id bigint unsigned path '$[0]',
        order_item_id bigint unsigned path '$[1]',
        qty int path '$[2]',
        amount_cents bigint path '$[3]',
        restock tinyint path '$[4]')) line`,
      [JSON.stringify(lines)],
    );
  }
  const adjustments = refunds.flatMap(({ id, adjustments }) =>
    adjustments.map(({ kind, amountCents }) => [id, kind, amountCents])
  );
  if (adjustments.length > 0) {
    await tx.run(
      `
      insert into refund_adjustments (refund_id, kind, amount_cents)
      select part.refund_id, part.kind, part.amount_cents
      from json_table(?, '$[*]' columns (
        refund_id bigint unsigned path '$[0]',
        kind varchar(16) character set ascii path '$[1]',
        amount_cents bigint path '$[2]')) part`,
      [JSON.stringify(adjustments)],
    );
  }
}

/**
 * What orders hold and what refunds have claimed of it, by order id; the orders must be locked for somebody to decide by
 * it.
 */
export async function readOrderContents(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, OrderContents>> {
  if (orderIds.length === 0) return new Map();
  const items = await readSharedItems(tx, orderIds);
  const adjustments = await readSharedAdjustments(tx, orderIds);
  const returned = await readReturned(tx, orderIds);
  const givenBack = await readGivenBack(tx, orderIds);
  return new Map(orderIds.map((id) => [id, {
    items: items.get(id) ?? [],
    adjustments: adjustments.get(id) ?? [],
    returned: returned.get(id) ?? new Map(),
    givenBack: givenBack.get(id) ?? new Map(),
  }]));
}

async function readSharedItems(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, SharedItem[]>> {
  const rows = await readEverywhere(
    tx,
    `
    select order_items.order_id, order_items.id, products.sku, order_items.qty,
      order_items.subtotal_cents
    from order_items force index (order_items_order)
    straight_join products on products.id = order_items.product_id
    where order_items.order_id in (?)`,
    [[...orderIds]],
    "order by id",
  );
  const byOrder = Map.groupBy(rows, (row) => toInteger(row.order_id));
  return new Map([...byOrder].map(([orderId, rows]) => [
    orderId,
    rows.map((row) => ({
      id: toInteger(row.id),
      sku: String(row.sku),
      qty: toInteger(row.qty),
      subtotalCents: toInteger(row.subtotal_cents),
    })),
  ]));
}

async function readSharedAdjustments(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, SharedAdjustment[]>> {
  const rows = await readEverywhere(
    tx,
    `
    select id, order_id, kind, amount_cents, included
    from order_adjustments force index (order_adjustments_order)
    where order_id in (?)`,
    [[...orderIds]],
    "order by id",
  );
  const byOrder = Map.groupBy(rows, (row) => toInteger(row.order_id));
  return new Map([...byOrder].map(([orderId, rows]) => [
    orderId,
    rows.map((row) => ({
      kind: String(row.kind),
      amountCents: toInteger(row.amount_cents),
      included: toInteger(row.included) === 1,
    })),
  ]));
}

async function readReturned(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, Map<number, { qty: number; amountCents: number }>>> {
  const rows = await readEverywhere(
    tx,
    `
    select refunds.order_id, refund_lines.order_item_id, sum(refund_lines.qty) as qty,
      sum(refund_lines.amount_cents) as amount_cents
    from refunds force index (refunds_order)
    straight_join refund_lines force index (refund_lines_refund)
      on refund_lines.refund_id = refunds.id
    where refunds.order_id in (?) and ${isClaimed} and refunds.itemized = 1
    group by refunds.order_id, refund_lines.order_item_id`,
    [[...orderIds]],
  );
  const byOrder = Map.groupBy(rows, (row) => toInteger(row.order_id));
  return new Map([...byOrder].map(([orderId, rows]) => [
    orderId,
    new Map(rows.map((row) => [toInteger(row.order_item_id), {
      qty: toInteger(row.qty),
      amountCents: toInteger(row.amount_cents),
    }])),
  ]));
}

async function readGivenBack(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, Map<string, number>>> {
  const rows = await readEverywhere(
    tx,
    `
    select refunds.order_id, refund_adjustments.kind,
      sum(refund_adjustments.amount_cents) as amount_cents
    from refunds force index (refunds_order)
    straight_join refund_adjustments force index (refund_adjustments_refund)
      on refund_adjustments.refund_id = refunds.id
    where refunds.order_id in (?) and ${isClaimed} and refunds.itemized = 1
    group by refunds.order_id, refund_adjustments.kind`,
    [[...orderIds]],
  );
  const byOrder = Map.groupBy(rows, (row) => toInteger(row.order_id));
  return new Map([...byOrder].map(([orderId, rows]) => [
    orderId,
    new Map(rows.map((row) => [String(row.kind), toInteger(row.amount_cents)])),
  ]));
}

/** Units of a refund that are to go back into stock, and are not there yet. */
export interface UnitsToRestock {
  /** Of the row of `refund_lines`. */
  id: number;
  refundId: number;
  orderId: number;
  productId: number;
  qty: number;
}

/** The units of refunds, which must be locked, that are to go back into stock. */
export async function readUnitsToRestock(
  tx: Queryable,
  refundIds: readonly number[],
): Promise<UnitsToRestock[]> {
  if (refundIds.length === 0) return [];
  const rows = await tx.query(
    `
    select refund_lines.id, refund_lines.refund_id, order_items.order_id, order_items.product_id,
      refund_lines.qty
    from refund_lines force index (refund_lines_refund)
    straight_join order_items on order_items.id = refund_lines.order_item_id
    where refund_lines.refund_id in (?) and refund_lines.restock = 1 and refund_lines.restocked = 0
    order by refund_lines.id`,
    [[...refundIds]],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    refundId: toInteger(row.refund_id),
    orderId: toInteger(row.order_id),
    productId: toInteger(row.product_id),
    qty: toInteger(row.qty),
  }));
}

/**
 * Writes that units are back in stock.
 *
 * @param ids of rows of `refund_lines`
 * @throws {Error} where some of them were there before: nothing may be committed then
 */
export async function markRestocked(tx: Queryable, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  const { affectedRows } = await tx.runText(
    "update refund_lines set restocked = 1 where id in (?) and restock = 1 and restocked = 0",
    [[...ids]],
  );
  if (affectedRows !== ids.length) {
    throw new Error(`${affectedRows} of ${ids.length} lines changed; the others are back already`);
  }
}
