/**
 * Moving orders of closed months out of the way, and back.
 *
 * @module
 */

import { chargebackStatesWhere } from "../../domain/payment/chargeback.ts";
import { archivableDays } from "../../domain/operation/archive_cut.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { orderEndEvent } from "../notifications/notifications.ts";
import { refundEventStarts } from "../recovery/recovery.ts";
import { archivedForm, type ArchivedTable, archivedTables, isLive } from "./archived_tables.ts";

/** Those that are not decided. */
const openChargebacks = chargebackStatesWhere(({ isClosed }) => !isClosed)
  .map((state) => `'${state}'`).join(", ");

/**
 * Orders that nobody has to do anything about any more, and that were told of: the first `?` is the moment before which
 * they and their refunds have to have ended, and so is the second. Orders that came to nothing although they were paid at
 * their source stay, because that payment may be another order's.
 *
 * Each of these is written under the order's lock, or is a row that its order keeps as long as something is open.
 */
const isOver = `
  orders.settled_at < ?
  and orders.settled_at < current_timestamp(6) - interval ${archivableDays} day
  and (orders.status = 'PAID' or orders.payment_status <> 'paid')
  and ${isLive("orders.id")}
  and not exists (
    select 1 from refunds
    where refunds.order_id = orders.id and (refunds.status = 'REQUESTED' or refunds.processed_at >= ?))
  and not exists (
    select 1 from payments
    where payments.order_id = orders.id and payments.status in ('REVERSING', 'DISPUTED'))
  and not exists (select 1 from payment_disputes where payment_disputes.order_id = orders.id)
  and not exists (select 1 from refunds_by_hand where refunds_by_hand.order_id = orders.id)
  and not exists (select 1 from money_given_twice where money_given_twice.order_id = orders.id)
  and not exists (
    select 1 from chargebacks
    where chargebacks.order_id = orders.id
      and (chargebacks.state in (${openChargebacks}) or chargebacks.gave_back_cents > 0))
  and not exists (
    select 1 from superseded_charges
    where superseded_charges.order_id = orders.id and superseded_charges.outcome is null)
  and not exists (
    select 1 from dead_letters where dead_letters.order_id = orders.id and dead_letters.status = 'DEAD')
  and not exists (
    select 1
    from notification_logs force index (notification_logs_once)
    straight_join notification_deliveries
      on notification_deliveries.notification_log_id = notification_logs.id
    where notification_logs.order_id = orders.id)
  and exists (
    select 1 from notification_logs
    where notification_logs.order_id = orders.id and notification_logs.event = ${orderEndEvent})
  and not exists (
    select 1
    from refunds force index (refunds_order)
    left join notification_logs on notification_logs.order_id = refunds.order_id
      and notification_logs.event = concat(case refunds.status when 'PROCESSED' then ? else ? end, refunds.id)
    where refunds.order_id = orders.id and notification_logs.id is null)`;

function valuesOf(before: string): string[] {
  return [before, before, ...refundEventStarts()];
}

/** A page of orders in the order of ids. */
export interface ArchivePage {
  /** Those that can be moved, unless somebody does something about them meanwhile. */
  ids: number[];
  /** Where the next page begins; undefined where no order of that age follows. */
  afterId: number | undefined;
}

/**
 * Looks for the next orders that can be archived. The order whose step is the latest of all stays, because the highest
 * number of a step says how far the database is.
 *
 * @param before UTC, `YYYY-MM-DD HH:MM:SS`
 */
export async function listArchivable(
  db: Queryable,
  before: string,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<ArchivePage> {
  const [last] = await db.query("select order_id from order_events order by id desc limit 1");
  const rows = await db.query(
    `
    select orders.id, orders.created_at < ? as is_old, case when ${isOver} then 1 else 0 end as is_over
    from orders force index (primary)
    where orders.id > ?
    order by orders.id
    limit ?`,
    [before, ...valuesOf(before), afterId, limit],
  );
  const isLast = rows.length < limit || rows.every((row) => toInteger(row.is_old) === 0);
  return {
    ids: rows.filter((row) => toInteger(row.is_over) === 1).map((row) => toInteger(row.id))
      .filter((id) => last === undefined || id !== toInteger(last.order_id)),
    afterId: isLast ? undefined : toInteger(rows.at(-1)!.id),
  };
}

/**
 * Moves orders into the archive, in the transaction of the caller: those that can still be moved once they are locked. One that
 * another transaction has stays where it is until the next run: somebody is about to change it, and nobody waits for it.
 *
 * @param ids of {@linkcode listArchivable}
 * @returns how many were moved
 */
export async function archiveOrders(
  tx: Queryable,
  before: string,
  ids: readonly number[],
): Promise<number> {
  if (ids.length === 0) return 0;
  const locked = await lockRows(tx, ids, { skipLocked: true });
  if (locked.length === 0) return 0;
  const rows = await tx.query(
    `
    select orders.id
    from orders force index (primary)
    where orders.id in (?) and ${isOver}
    order by orders.id`,
    [locked, ...valuesOf(before)],
  );
  const over = rows.map((row) => toInteger(row.id));
  if (over.length === 0) return 0;
  await moveRows(tx, over, { to: archivedName, from: (sql) => sql });
  await tx.runText(
    "insert into archived_orders (order_id) select id from orders where id in (?) order by id",
    [over],
  );
  return over.length;
}

/**
 * Brings orders back from the archive, in the transaction of the caller, who is about to change something that belongs to
 * them: from then on they are as every other order, and may be archived again. Costs a look-up where none is archived.
 *
 * The caller holds the orders' locks, or changes nothing of theirs before.
 *
 * @returns how many there were
 */
export async function restoreOrders(tx: Queryable, ids: readonly number[]): Promise<number> {
  if ((await readArchived(tx, ids)).size === 0) return 0;
  await lockRows(tx, ids);
  const archived = [...await readArchived(tx, ids)].sort((a, b) => a - b);
  if (archived.length === 0) return 0;
  await moveRows(tx, archived, { to: ({ name }) => name, from: archivedForm });
  await tx.runText("delete from archived_orders where order_id in (?)", [archived]);
  return archived.length;
}

/** Which of some orders are archived. */
export async function readArchived(db: Queryable, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const rows = await db.query("select order_id from archived_orders where order_id in (?)", [
    [...ids],
  ]);
  return new Set(rows.map((row) => toInteger(row.order_id)));
}

/** The next archived orders, by id. */
export async function listArchived(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<number[]> {
  const rows = await db.query(
    "select order_id from archived_orders where order_id > ? order by order_id limit ?",
    [afterId, limit],
  );
  return rows.map((row) => toInteger(row.order_id));
}

/**
 * How many orders are archived; walks through the smallest index there is.
 *
 * @param most where counting ends
 */
export async function countArchived(
  db: Queryable,
  most: number = Number.MAX_SAFE_INTEGER,
): Promise<number> {
  const [row] = await db.query(
    "select count(*) as n from (select order_id from archived_orders limit ?) some",
    [most],
  );
  return toInteger(row!.n);
}

/** The number of the latest step that any timeline has, by which it is told whether somebody works. */
export async function readLatestStep(db: Queryable): Promise<number> {
  const [row] = await db.query("select coalesce(max(id), 0) as id from order_events");
  return toInteger(row!.id);
}

/**
 * About how many bytes an order takes in the tables that are moved, with their indexes, as the engine estimates it; 0 where
 * there is none.
 */
export async function estimateOrderBytes(db: Queryable): Promise<number> {
  const [row] = await db.query(
    `
    select sum(data_length + index_length) as bytes, (select count(*) from orders) as orders,
      (select count(*) from archived_orders) as archived
    from information_schema.tables
    where table_schema = database() and table_name in (?)`,
    [archivedTables.map(({ name }) => name)],
  );
  const live = toInteger(row!.orders) - toInteger(row!.archived);
  return live === 0 ? 0 : toInteger(row!.bytes ?? 0) / live;
}

function archivedName({ name }: ArchivedTable): string {
  return `archived_${name}`;
}

/** @returns those that are locked now: all there are, or those that nobody else had */
async function lockRows(
  tx: Queryable,
  ids: readonly number[],
  { skipLocked = false }: { skipLocked?: boolean } = {},
): Promise<number[]> {
  const rows = await tx.query(
    `
    select id
    from orders force index (primary)
    where id in (?)
    order by id
    for update${skipLocked ? " skip locked" : ""}`,
    [ids.toSorted((a, b) => a - b)],
  );
  return rows.map((row) => toInteger(row.id));
}

/** @throws {Error} where another number of rows is deleted than was written: nothing may be committed then */
async function moveRows(
  tx: Queryable,
  ids: readonly number[],
  { to, from }: { to: (table: ArchivedTable) => string; from: (sql: string) => string },
): Promise<void> {
  const written = new Map<ArchivedTable, number>();
  for (const table of archivedTables) {
    const columns = table.columns.map((column) => `${table.name}.${column}`).join(", ");
    const { affectedRows } = await tx.runText(
      `
      insert into ${to(table)} (${table.columns.join(", ")})
      ${
        from(`select ${columns}
      from ${table.from}
      where ${table.orderId} in (?)
      order by ${table.name}.id
      for update`)
      }`,
      [[...ids]],
    );
    written.set(table, affectedRows);
  }
  for (const table of archivedTables.toReversed()) {
    if (written.get(table) === 0) continue;
    const { affectedRows } = await tx.runText(
      from(`delete ${table.name} from ${table.from} where ${table.orderId} in (?)`),
      [[...ids]],
    );
    if (affectedRows !== written.get(table)) {
      throw new Error(
        `${affectedRows} rows of ${table.name} were deleted and ${written.get(table)} written`,
      );
    }
  }
}
