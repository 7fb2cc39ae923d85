/**
 * Everything that is kept of a person, for themselves.
 *
 * @module
 */

import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { readEverywhere } from "../archive/archived_tables.ts";

/** An order as it is kept, with what belongs to it. Times are ISO 8601 in UTC. */
export interface ExportedOrder {
  id: number;
  external_order_id: string;
  status: string;
  failure_reason: string | null;
  currency: string;
  total_cents: number;
  refunded_cents: number;
  placed_at: string;
  settled_at: string | null;
  recipient_name: string | null;
  recipient_email: string | null;
  language: string | null;
  items: Record<string, unknown>[];
  adjustments: Record<string, unknown>[];
  payments: Record<string, unknown>[];
  payment_instructions: Record<string, unknown>[];
  payment_attempts: Record<string, unknown>[];
  source_payments: Record<string, unknown>[];
  chargebacks: Record<string, unknown>[];
  refunds: Record<string, unknown>[];
  notifications: Record<string, unknown>[];
  attempts: Record<string, unknown>[];
  timeline: Record<string, unknown>[];
}

/** What belongs to orders: the columns that are given away, from where. */
const parts = {
  items: `
    select order_items.id as sort_id, order_items.order_id, products.sku, products.name, order_items.unit_price_cents, order_items.qty,
      order_items.subtotal_cents
    from order_items force index (order_items_order)
    straight_join products on products.id = order_items.product_id
    where order_items.order_id in (?)`,
  adjustments: `
    select id as sort_id, order_id, kind, label, amount_cents, included
    from order_adjustments force index (order_adjustments_order)
    where order_id in (?)`,
  payments: `
    select id as sort_id, order_id, provider, provider_ref, amount_cents, currency, status, paid_at
    from payments force index (payments_order_once)
    where order_id in (?)`,
  payment_instructions: `
    select 0 as sort_id, order_id, method_type, method, customer, description, metadata,
      capture
    from payment_instructions
    where order_id in (?)`,
  payment_attempts: `
    select created_at as sort_id, order_id, refund_id, provider, kind, outcome, amount_cents, currency, provider_ref, says,
      created_at
    from payment_attempts
    where order_id in (?)`,
  source_payments: `
    select 0 as sort_id, order_id, provider, reference, paid_at
    from source_payments
    where order_id in (?)`,
  chargebacks: `
    select id as sort_id, order_id, provider, provider_ref, state, amount_cents, currency, reason, due_by, opened_at
    from chargebacks force index (chargebacks_order)
    where order_id in (?)`,
  refunds: `
    select id as sort_id, order_id, id, amount_cents, reason, status, failure_reason, created_at, processed_at
    from refunds force index (refunds_order)
    where order_id in (?)`,
  notifications: `
    select id as sort_id, order_id, id, event, channel, status, error, sent_at, created_at
    from notification_logs force index (notification_logs_once)
    where order_id in (?)`,
  attempts: `
    select notification_attempts.id as sort_id, notification_logs.order_id, notification_attempts.notification_log_id as notification_id,
      notification_attempts.attempted_at, notification_attempts.success, notification_attempts.status_code,
      notification_attempts.reply, notification_attempts.error
    from notification_logs force index (notification_logs_once)
    straight_join notification_attempts force index (notification_attempts_log)
      on notification_attempts.notification_log_id = notification_logs.id
    where notification_logs.order_id in (?) and notification_logs.channel <> 'log'`,
  timeline: `
    select id as sort_id, order_id, created_at as at, event, detail, refund_id
    from order_events force index (order_events_order)
    where order_id in (?)`,
} as const;

const partNames = Object.keys(parts) as (keyof typeof parts)[];

/** Columns that hold a moment, and those that are true or false. */
const times = /(^at$|_at$|^due_by$)/, flags = /^(included|success)$/;

/** Orders of customers with everything that belongs to them, by id. */
export async function readExportedOrders(
  db: Queryable,
  orderIds: readonly number[],
): Promise<ExportedOrder[]> {
  if (orderIds.length === 0) return [];
  const orders = await db.query(
    `
    select id, external_order_id, status, failure_reason, currency, total_cents, refunded_cents, placed_at,
      settled_at, recipient_name, recipient_email, language
    from orders
    where id in (?)
    order by id`,
    [[...orderIds]],
  );
  const of = new Map<string, Map<number, Record<string, unknown>[]>>();
  for (const name of partNames) {
    const rows = await readEverywhere(db, parts[name], [[...orderIds]], "order by sort_id");
    of.set(name, Map.groupBy(rows.map(exported), (row) => row.order_id as number));
  }
  return orders.map((order) => {
    const id = toInteger(order.id);
    const belonging = partNames.map((name) => {
      const rows = of.get(name)!.get(id) ?? [];
      return [name, rows.map(({ order_id: _, sort_id: _id, ...row }) => row)];
    });
    return { ...exported(order), ...Object.fromEntries(belonging) } as ExportedOrder;
  });
}

function exported(row: Row): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      times.test(name)
        ? toIsoTime(value)
        : flags.test(name)
        ? toInteger(value) === 1
        : typeof value === "string" && /_id$|_cents$|^qty$|^id$/.test(name) &&
            /^-?\d+$/.test(value) &&
            name !== "external_order_id"
        ? toInteger(value)
        : value,
    ]),
  );
}

/** Pieces of rejects files in which a person may stand, with the head of their file. */
export async function readRejectsPiece(
  db: Queryable,
  importId: number,
  piece: number,
): Promise<{ head: string; csv: string } | undefined> {
  const rows = await db.execute(
    "select piece, csv from import_rejects where import_id = ? and piece in (0, ?) order by piece",
    [importId, piece],
  );
  if (rows.length < 2) return undefined;
  return { head: String(rows[0]!.csv), csv: String(rows[1]!.csv) };
}
