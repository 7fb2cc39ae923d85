/**
 * Statements on payments that were made at the source, before their orders came.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";
import { readEverywhere } from "../archive/archived_tables.ts";

/** A payment as the order's source tells it. */
export interface SourcePayment {
  orderId: number;
  provider: string;
  /** The provider's own name for it. */
  reference: string;
  /** The order whose recorded payment has this name already; null where none has. */
  ownerId: number | null;
}

/** The payments that orders were paid by at their source, by order id. */
export async function readSourcePayments(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, SourcePayment>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select source_payments.order_id, source_payments.provider, source_payments.reference,
      coalesce(payments.order_id, archived_payments.order_id) as owner_id
    from source_payments
    left join payments on payments.provider = source_payments.provider
      and payments.provider_ref = source_payments.reference
    left join archived_payments on archived_payments.provider = source_payments.provider
      and archived_payments.provider_ref = source_payments.reference
    where source_payments.order_id in (?)`,
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), {
    orderId: toInteger(row.order_id),
    provider: String(row.provider),
    reference: String(row.reference),
    ownerId: row.owner_id === null ? null : toInteger(row.owner_id),
  }]));
}

/**
 * Records what the source said as the payments of orders, which must be locked: of their totals. The unique key on
 * the order is the once-key.
 *
 * @param status `REVERSING` for money of orders that came to nothing
 * @param now the database's clock, UTC: when it was paid, where the source does not say
 * @throws {Error} where the source of one of them said nothing: nothing may be committed then
 */
export async function insertSourcePayments(
  tx: Queryable,
  orderIds: readonly number[],
  status: "SUCCEEDED" | "REVERSING",
  now: string,
): Promise<void> {
  if (orderIds.length === 0) return;
  const { affectedRows } = await tx.runText(
    `
    insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
    select source_payments.order_id, source_payments.provider, source_payments.reference,
      orders.total_cents, ?, coalesce(source_payments.paid_at, ?)
    from source_payments
    straight_join orders on orders.id = source_payments.order_id
    where source_payments.order_id in (?)
    order by source_payments.order_id`,
    [status, now, [...orderIds]],
  );
  if (affectedRows !== orderIds.length) {
    throw new Error(`${affectedRows} of ${orderIds.length} payments of the source were recorded`);
  }
}

/**
 * Which of some providers only have payments that were made at the source. Looks at each payment of theirs until it
 * finds another one, by indexes alone.
 */
export async function readSourceProviders(
  db: Queryable,
  providers: readonly string[],
): Promise<Set<string>> {
  const only = new Set<string>();
  for (const provider of providers) {
    const [charged] = await readEverywhere(
      db,
      `
      select 1 as charged
      from payments force index (payments_provider_ref)
      left join source_payments on source_payments.provider = payments.provider
        and source_payments.reference = payments.provider_ref
      where payments.provider = ? and source_payments.order_id is null
      limit 1`,
      [provider],
    );
    const [asked] = await db.query(
      "select 1 as asked from charge_keys where provider = ? limit 1",
      [provider],
    );
    if (charged === undefined && asked === undefined) only.add(provider);
  }
  return only;
}
