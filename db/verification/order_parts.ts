/**
 * The statements that show whether what belongs to orders agrees with them: the parts of their totals, payments at their
 * source, shortages and retries. Each reads whole tables once, or only what belongs to the orders of a scope; to be run in
 * one snapshot.
 *
 * @module
 */

import type { OrderStatus } from "../../domain/order/order.ts";
import { archivedForm, isLive } from "../archive/archived_tables.ts";
import { type Queryable, toBigInteger, toInteger } from "../connection/database.ts";
import { faultsOf, type FaultyRows, inEveryPlace, maxRows } from "./faulty_rows.ts";
import { andWithin, type Scope, within } from "./scope.ts";

/** An order whose total is not what its parts come to. */
export interface TotalFault {
  orderId: number;
  totalCents: number;
  /** Its items and its adjustments that are not included. */
  partsCents: bigint;
}

const partsCents = `coalesce((
          select sum(order_items.subtotal_cents)
          from order_items force index (order_items_order)
          where order_items.order_id = orders.id), 0) + coalesce((
          select sum(order_adjustments.amount_cents)
          from order_adjustments force index (order_adjustments_order)
          where order_adjustments.order_id = orders.id and order_adjustments.included = 0), 0)`;

/** Orders of a scope whose total is not what their items and adjustments come to. */
export async function findTotalFaults(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<TotalFault>> {
  const rows = await tx.query(
    `
    select faulty.*, count(*) over () as faults
    from (
      select orders.id, orders.total_cents, ${partsCents} + ${archivedForm(partsCents)} as cents
      from orders force index (primary)
      where ${within("orders.id", scope)}
    ) faulty
    where faulty.cents <> faulty.total_cents
    order by faulty.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.id),
    totalCents: toInteger(row.total_cents),
    partsCents: toBigInteger(row.cents),
  }));
}

/** What an order says of itself that nothing else agrees with. */
export type OrderFaultKind =
  /** It is paid at its source, which says nothing of it, or the other way round. */
  | "source"
  /** It costs something and is not to be paid. */
  | "unpayable"
  /** It waits for stock although it is not `PENDING`. */
  | "backordered"
  /** It was taken up another number of times than is written down, or its latest retry is another one. */
  | "retries"
  /** A charge is superseded by an edit that it never had. */
  | "superseded";

/** An order of which {@linkcode OrderFaultKind} is wrong. */
export interface OrderFault {
  orderId: number;
  status: OrderStatus;
  paymentStatus: string;
  retries: number;
  /** Retries that are written down. */
  foundRetries: number;
  kind: OrderFaultKind;
}

/** Orders that say something of themselves which their rows in other tables don't; only the first fault of each. */
export async function findOrderFaults(
  tx: Queryable,
  scope: Scope,
): Promise<FaultyRows<OrderFault>> {
  const rows = await tx.query(
    `
    select faulty.*, count(*) over () as faults
    from (
      select orders.id, orders.status, orders.payment_status, orders.retries,
        coalesce(retried.times, 0) as found_retries,
        case
          when (orders.payment_status = 'paid') <> (source_payments.order_id is not null) then 'source'
          when orders.payment_status = 'none' and orders.total_cents <> 0 then 'unpayable'
          when orders.backordered = 1 and orders.status <> 'PENDING' then 'backordered'
          when orders.retries <> coalesce(retried.times, 0)
            or coalesce(orders.retry_id, 0) <> coalesce(retried.last_id, 0) then 'retries'
          when edited.revision >= orders.revision then 'superseded'
        end as kind
      from orders
      left join source_payments on source_payments.order_id = orders.id
      left join (
        select order_id, count(*) as times, max(id) as last_id
        from order_retries
        where ${within("order_id", scope)}
        group by order_id
      ) retried on retried.order_id = orders.id
      left join (
        select order_id, max(revision) as revision
        from superseded_charges
        where ${within("order_id", scope)}
        group by order_id
      ) edited on edited.order_id = orders.id
      where ${within("orders.id", scope)}
    ) faulty
    where faulty.kind is not null
    order by faulty.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.id),
    status: row.status as OrderStatus,
    paymentStatus: String(row.payment_status),
    retries: toInteger(row.retries),
    foundRetries: toInteger(row.found_retries),
    kind: row.kind as OrderFaultKind,
  }));
}

/** An order that was paid at its source, and has not that payment on record. */
export interface SourceFault {
  orderId: number;
  status: OrderStatus;
  /** The payment that its source names. */
  reference: string;
  /** The provider's name for the payment on record; null where there is none. */
  foundRef: string | null;
}

/**
 * Orders that have ended and whose payment on record is not the one that was made at their source: they are paid by
 * other money, or nobody gives back what was paid for them. What another order was paid by is not theirs to give back.
 */
export const findSourceFaults = inEveryPlace(findSourceFaultsIn);

async function findSourceFaultsIn(tx: Queryable, scope: Scope): Promise<FaultyRows<SourceFault>> {
  const rows = await tx.query(
    `
    select orders.id, orders.status, source_payments.reference, payments.provider_ref,
      count(*) over () as faults
    from source_payments
    straight_join orders on orders.id = source_payments.order_id
    left join payments on payments.order_id = orders.id and payments.surplus = 0
      and payments.status in ('SUCCEEDED', 'REVERSING', 'REVERSED')
    left join payments owned on owned.provider = source_payments.provider
      and owned.provider_ref = source_payments.reference
    left join archived_payments archived_owned on archived_owned.provider = source_payments.provider
      and archived_owned.provider_ref = source_payments.reference
    where orders.settled_at is not null and orders.total_cents > 0
      and (payments.id is null or payments.provider <> source_payments.provider
        or payments.provider_ref <> source_payments.reference)
      and (orders.status = 'PAID' or coalesce(owned.id, archived_owned.id) is null or owned.order_id = orders.id)
      and ${isLive("orders.id")}${andWithin("source_payments.order_id", scope)}
    order by orders.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.id),
    status: row.status as OrderStatus,
    reference: String(row.reference),
    foundRef: row.provider_ref === null ? null : String(row.provider_ref),
  }));
}

/** A place in a queue for stock that nobody has. */
export interface QueueFault {
  orderId: number;
  sku: string;
  status: OrderStatus;
}

/**
 * Places in the queues for stock whose order waits for nothing, or not for this product, or was placed at another time:
 * whoever stands behind one would wait for it.
 */
export async function findQueueFaults(tx: Queryable): Promise<FaultyRows<QueueFault>> {
  const rows = await tx.query(
    `
    select orders.id, products.sku, orders.status, count(*) over () as faults
    from order_shortages
    straight_join orders on orders.id = order_shortages.order_id
    straight_join products on products.id = order_shortages.product_id
    where order_shortages.waiting = 1
      and (orders.status <> 'PENDING' or orders.backordered = 0
        or orders.placed_at <> order_shortages.placed_at
        or not exists (
          select 1 from order_items
          where order_items.order_id = orders.id and order_items.product_id = products.id))
    order by orders.id
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.id),
    sku: String(row.sku),
    status: row.status as OrderStatus,
  }));
}
