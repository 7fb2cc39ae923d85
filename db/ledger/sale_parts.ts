/**
 * What of orders and refunds is tax, or another adjustment.
 *
 * @module
 */

import type { SaleParts } from "../../domain/ledger/movement.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";

/**
 * The adjustments of orders, by order id; those without any are absent. Most shops have none, so that is looked at first:
 * this is asked for every batch that is settled.
 */
export async function readSaleParts(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, SaleParts>> {
  if (orderIds.length === 0) return new Map();
  const any = await readEverywhere(db, "select id from order_adjustments limit 1", []);
  if (any.length === 0) return new Map();
  const rows = await readEverywhere(
    db,
    `
    select order_id, sum(if(kind = 'tax', amount_cents, 0)) as tax_cents,
      sum(if(kind <> 'tax' and included = 0, amount_cents, 0)) as adjustment_cents
    from order_adjustments force index (order_adjustments_order)
    where order_id in (?)
    group by order_id`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), {
    taxCents: toInteger(row.tax_cents),
    adjustmentCents: toInteger(row.adjustment_cents),
  }]));
}

/** What of itemized refunds is tax by name, by refund id; those that name none are absent. */
export async function readRefundedTax(
  db: Queryable,
  refundIds: readonly number[],
): Promise<Map<number, number>> {
  if (refundIds.length === 0) return new Map();
  const rows = await readEverywhere(
    db,
    `
    select refund_id, sum(amount_cents) as cents
    from refund_adjustments force index (refund_adjustments_refund)
    where refund_id in (?) and kind = 'tax'
    group by refund_id`,
    [[...refundIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.refund_id), toInteger(row.cents)]));
}
