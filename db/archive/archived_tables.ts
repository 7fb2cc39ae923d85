/**
 * The tables that orders of closed months are moved out of, and reading of both places by one statement.
 *
 * @module
 */

import type { Queryable, Row, Value } from "../connection/database.ts";

/** What hangs on an order and is moved with it. */
export interface ArchivedTable {
  name: string;
  columns: readonly string[];
  /** Where the rows of some orders are: joins from what has `order_id`, through its index. */
  from: string;
  /** The column that says which order's they are. */
  orderId: string;
}

const times = ["created_at", "updated_at"];

/** By its index of orders, as every table is found that has the order's id. */
function ofOrders(name: string, index: string, columns: readonly string[]): ArchivedTable {
  return {
    name,
    columns: ["id", ...columns, ...times],
    from: `${name} force index (${index})`,
    orderId: `${name}.order_id`,
  };
}

/** The same of what hangs on a refund, which stays where it is. */
function ofRefunds(name: string, index: string, columns: readonly string[]): ArchivedTable {
  return {
    name,
    columns: ["id", ...columns, ...times],
    from: `refunds force index (refunds_order)
      straight_join ${name} force index (${index}) on ${name}.refund_id = refunds.id`,
    orderId: "refunds.order_id",
  };
}

/**
 * All of them, each behind what it points at: rows are written in this order and deleted in the other. `archived_NAME` has
 * the same columns and indexes.
 */
export const archivedTables: readonly ArchivedTable[] = [
  ofOrders("order_items", "order_items_order", [
    "order_id",
    "product_id",
    "unit_price_cents",
    "qty",
    "subtotal_cents",
  ]),
  ofOrders("order_adjustments", "order_adjustments_order", [
    "order_id",
    "kind",
    "label",
    "amount_cents",
    "included",
  ]),
  ofOrders("order_events", "order_events_order", [
    "order_id",
    "refund_id",
    "event",
    "detail",
    "actor",
    "attempt",
  ]),
  ofOrders("payments", "payments_order_once", [
    "order_id",
    "provider",
    "provider_ref",
    "amount_cents",
    "status",
    "paid_at",
    "surplus",
    "currency",
  ]),
  ofOrders("notification_logs", "notification_logs_once", [
    "order_id",
    "customer_id",
    "refund_id",
    "event",
    "channel",
    "status",
    "total_cents",
    "payload",
    "success",
    "error",
    "sent_at",
    "channels",
    "no_address",
  ]),
  {
    name: "notification_attempts",
    columns: [
      "id",
      "notification_log_id",
      "attempted_at",
      "duration_ms",
      "success",
      "status_code",
      "reply",
      "error",
      ...times,
    ],
    from: `notification_logs force index (notification_logs_once)
      straight_join notification_attempts force index (notification_attempts_log)
        on notification_attempts.notification_log_id = notification_logs.id`,
    orderId: "notification_logs.order_id",
  },
  ofRefunds("refund_lines", "refund_lines_refund", [
    "refund_id",
    "order_item_id",
    "qty",
    "amount_cents",
    "restock",
    "restocked",
  ]),
  ofRefunds("refund_adjustments", "refund_adjustments_refund", [
    "refund_id",
    "kind",
    "amount_cents",
  ]),
];

const names = new RegExp(`\\b(${archivedTables.map(({ name }) => name).join("|")})\\b`, "g");

/** A statement on live tables as one on the archived ones: their rows, columns and indexes have the same names. */
export function archivedForm(sql: string): string {
  return sql.replace(names, "archived_$1");
}

/**
 * Rows of a statement on the live tables and of the same one on the archived ones. It is one statement for the engine, so a
 * row that is moved meanwhile is read once. One that reads no such table is read once as well.
 *
 * @param sql without anything that belongs behind the rows of both
 * @param end what does, such as `order by id`, by the names of the columns
 */
export async function readEverywhere(
  db: Queryable,
  sql: string,
  values: (Value | Value[])[],
  end = "",
): Promise<Row[]> {
  const archived = archivedForm(sql);
  return archived === sql
    ? await db.query(`${sql} ${end}`, values)
    : await db.query(`(${sql}) union all (${archived}) ${end}`, [...values, ...values]);
}

/** The condition of a statement on live tables that an order is not archived; {@linkcode archivedView} has the contrary. */
export function isLive(orderId: string): string {
  return `not exists (select 1 from archived_orders where archived_orders.order_id = ${orderId})`;
}

/** Runs statements on live tables on the archived ones instead. */
export function archivedView(db: Queryable): Queryable {
  const form = (sql: string) =>
    archivedForm(sql).replaceAll(
      "not exists (select 1 from archived_orders",
      "exists (select 1 from archived_orders",
    );
  return {
    ...db,
    query: (sql, values) => db.query(form(sql), values),
    execute: (sql, values) => db.execute(form(sql), values),
  };
}

/** Whether anything is archived. */
export async function hasArchived(db: Queryable): Promise<boolean> {
  return (await db.query("select 1 as found from archived_orders limit 1")).length > 0;
}

/** The places where what belongs to orders is: only the live one as long as nothing is archived. */
export async function placesOf(db: Queryable): Promise<Queryable[]> {
  return await hasArchived(db) ? [db, archivedView(db)] : [db];
}
