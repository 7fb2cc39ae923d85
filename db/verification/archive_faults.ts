/**
 * The statements that show whether each order is in one place. They read whole tables once each; to be run in one snapshot.
 *
 * @module
 */

import { archivedForm } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { orderEndEvent } from "../notifications/notifications.ts";
import { refundEventStarts } from "../recovery/recovery.ts";
import { faultsOf, type FaultyRows, maxRows } from "./faulty_rows.ts";

/** Something of an order that is where the order is not, or twice. */
export interface PlaceFault {
  orderId: number;
  /** The table that it should be in, or in which it is a second time. */
  table: string;
  /** `live` beside what is archived of its order, `archived` of an order that is not, or a payment that is known `twice`. */
  kind: "live" | "archived" | "twice";
}

/** What every order has, and so is looked at: moving takes all tables or none. */
const tables = {
  order_items: "order_items_order",
  payments: "payments_order_once",
  order_events: "order_events_order",
  notification_logs: "notification_logs_once",
} as const;

/** Rows of archived orders among the live ones, archived rows of live orders, and payments of one name in both places. */
export async function findPlaceFaults(tx: Queryable): Promise<FaultyRows<PlaceFault>> {
  const parts = Object.entries(tables).flatMap(([table, index]) => [
    `
      select archived_orders.order_id, '${table}' as name, 'live' as kind
      from archived_orders
      where exists (
        select 1 from ${table} force index (${index}) where ${table}.order_id = archived_orders.order_id)`,
    `
      select archived.order_id, '${table}', 'archived'
      from (select distinct order_id from ${archivedForm(table)} force index (${index})) archived
      left join archived_orders on archived_orders.order_id = archived.order_id
      where archived_orders.order_id is null`,
  ]);
  const rows = await tx.query(
    `
    select faulty.*, count(*) over () as faults
    from (${parts.join(" union all ")}
      union all
      select payments.order_id, 'payments', 'twice'
      from archived_payments
      straight_join payments force index (payments_provider_ref)
        on payments.provider = archived_payments.provider
        and payments.provider_ref = archived_payments.provider_ref
    ) faulty
    order by faulty.order_id, faulty.name
    limit ?`,
    [maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.order_id),
    table: String(row.name),
    kind: row.kind as PlaceFault["kind"],
  }));
}

/** An end that an archived order or refund had, and of which its history does not tell. */
export interface UntoldEnd {
  orderId: number;
  /** Null where it is the order's. */
  refundId: number | null;
}

/** Archived orders, and their refunds, without a notification of their end: none is archived before it was told. */
export async function findUntoldArchived(tx: Queryable): Promise<FaultyRows<UntoldEnd>> {
  const rows = await tx.query(
    `
    select faulty.*, count(*) over () as faults
    from (
      select orders.id as order_id, null as refund_id
      from archived_orders
      straight_join orders on orders.id = archived_orders.order_id
      left join archived_notification_logs on archived_notification_logs.order_id = orders.id
        and archived_notification_logs.event = ${orderEndEvent}
      where archived_notification_logs.id is null
      union all
      select refunds.order_id, refunds.id
      from refunds
      straight_join archived_orders on archived_orders.order_id = refunds.order_id
      left join archived_notification_logs on archived_notification_logs.order_id = refunds.order_id
        and archived_notification_logs.event = concat(case refunds.status when 'PROCESSED' then ? else ? end, refunds.id)
      where archived_notification_logs.id is null
    ) faulty
    order by faulty.order_id, faulty.refund_id
    limit ?`,
    [...refundEventStarts(), maxRows],
  );
  return faultsOf(rows, (row) => ({
    orderId: toInteger(row.order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
  }));
}
