/**
 * Statements on `orders` and `order_items` that the consumers share.
 *
 * @module
 */

import {
  type FailureReason,
  failureReasons,
  isSettled,
  type ItemNeed,
  type OrderEvent,
  type OrderFacts,
  type OrderStatus,
  orderTransition,
  retriedReason,
} from "../../domain/order/order.ts";
import type { ChargedOrder } from "../../domain/payment/payment_key.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { type PackedColumn, readPacked } from "../connection/packed_rows.ts";
import { refuseUnless } from "../connection/refuse_unless.ts";
import { readSupersededCharges, type SupersededCharge } from "../payments/superseded_charges.ts";

/** Locked orders, and the moment of locking. */
export interface LockedOrders {
  /** By id; an id that no row has is absent. */
  orders: Map<number, OrderFacts>;
  /** The database's clock, UTC, `YYYY-MM-DD HH:MM:SS.ffffff`: the time of whatever is written now. */
  now: string;
}

const orderColumns =
  "id, customer_id, status, failure_reason, currency, total_cents, refunded_cents, settled_at, " +
  "payment_status, retry_id, backordered";

const packedOrder: readonly PackedColumn[] = [
  { sql: "id", kind: "number" },
  { sql: "customer_id", kind: "number" },
  { sql: "status", kind: "text" },
  { sql: "currency", kind: "text" },
  { sql: "total_cents", kind: "number" },
  {
    // Nearly all that are read have not ended, and building this took a tenth of the statement's time. What ran short
    // before, waits for stock, was edited or was paid at its source has more to say.
    sql: `case
      when status in ('PENDING', 'RESERVED') and payment_status <> 'paid' and backordered = 0
        and retry_id is null and revision = 0
        then 'null,0,null'
      else concat_ws(',', coalesce(concat('"', failure_reason, '"'), 'null'), refunded_cents,
        coalesce(concat('"', settled_at, '"'), 'null'), coalesce(retry_id, 0), backordered,
        case payment_status when 'paid' then 1 else 0 end, revision)
      end`,
    kind: "values",
  },
];

/**
 * Locks orders until the transaction ends, in the order of their ids as every writer does.
 *
 * @param ids in any order
 * @param options.skipLocked leave out those that another transaction has locked, instead of waiting for it
 */
export async function lockOrders(
  tx: Queryable,
  ids: readonly number[],
  { skipLocked = false }: { skipLocked?: boolean } = {},
): Promise<LockedOrders> {
  if (ids.length === 0) return { orders: new Map(), now: "" };
  const { rows, now } = await readPacked(
    tx,
    packedOrder,
    `
    from orders force index (primary)
    where id in (?)
    for update${skipLocked ? " skip locked" : ""}`,
    [sorted(ids)],
  );
  return { orders: ordersOf(rows), now };
}

/** Orders as they are committed, without locking them. */
export async function readOrders(
  db: Queryable,
  ids: readonly number[],
): Promise<Map<number, OrderFacts>> {
  if (ids.length === 0) return new Map();
  const { rows } = await readPacked(
    db,
    packedOrder,
    "from orders force index (primary) where id in (?)",
    [sorted(ids)],
  );
  return ordersOf(rows);
}

/** An order with what its charge needs. */
export interface ChargeFacts extends OrderFacts, ChargedOrder {
  superseded: readonly SupersededCharge[];
  /** It was placed or reserved longer ago than {@linkcode keySeconds}. */
  isOld: boolean;
}

/** Seconds for which every provider remembers a key: a day is usual. */
const keySeconds = 3_600;

const packedCharge: readonly PackedColumn[] = [
  ...packedOrder,
  { sql: "external_order_id", kind: "any text" },
  { sql: "reserved_at", kind: "text or null" },
  {
    sql: `case
      when placed_at < current_timestamp(6) - interval ${keySeconds} second then 1
      when reserved_at < current_timestamp(6) - interval ${keySeconds} second then 1
      else 0
      end`,
    kind: "number",
  },
];

/** Of an order that was never edited. */
const nothingSuperseded: readonly SupersededCharge[] = [];

/** Orders as they are committed, with what their charges need, without locking them. */
export async function readCharges(
  db: Queryable,
  ids: readonly number[],
): Promise<Map<number, ChargeFacts>> {
  if (ids.length === 0) return new Map();
  const { rows } = await readPacked(
    db,
    packedCharge,
    "from orders force index (primary) where id in (?)",
    [sorted(ids)],
  );
  const charges = new Map<number, ChargeFacts>();
  for (const row of rows) {
    const { length } = row;
    const order = orderOf(row, length - 3) as ChargeFacts;
    order.externalOrderId = String(row[length - 3]);
    order.reservedAt = row[length - 2] as string | null;
    order.isOld = row[length - 1] === 1;
    order.superseded = nothingSuperseded;
    charges.set(order.id, order);
  }
  const edited = [...charges.values()].filter(({ revision }) => revision !== undefined);
  const superseded = await readSupersededCharges(db, edited.map(({ id }) => id));
  for (const order of edited) {
    // The order may have been edited between the two statements: what it is here was no superseded charge yet.
    order.superseded = superseded.get(order.id)?.filter(({ revision }) =>
      revision < order.revision!
    ) ?? nothingSuperseded;
  }
  return charges;
}

/**
 * A page of the `RESERVED` orders whose reservation is older than a time, by id. Those whose payment is in dispute
 * are left out: they wait for a person. So are those whose money is held until its time is over: they wait for their capture.
 *
 * @param page.afterId the last id of the page before, 0 for the first page
 * @param page.limit most orders
 */
export async function readExpiredReservations(
  db: Queryable,
  olderThanSeconds: number,
  page: { afterId: number; limit: number },
): Promise<OrderFacts[]> {
  const rows = await db.query(
    `
    select ${orderColumns}
    from orders
    where unfinished = 1 and status = 'RESERVED' and id > ?
      and reserved_at < current_timestamp(6) - interval ? second
      and not exists (select 1 from payment_disputes where payment_disputes.order_id = orders.id)
      and not exists (
        select 1 from payment_holds
        where payment_holds.order_id = orders.id and payment_holds.status = 'HELD'
          and payment_holds.expires_at > current_timestamp(6))
    order by id
    limit ?`,
    [page.afterId, olderThanSeconds, page.limit],
  );
  return rows.map(toOrderFacts);
}

/** Of `RESERVED` orders, those whose reservation is younger than so many seconds. */
export async function readFreshReservations(
  db: Queryable,
  ids: readonly number[],
  youngerThanSeconds: number,
): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const rows = await db.query(
    `
    select id
    from orders
    where id in (?) and reserved_at >= current_timestamp(6) - interval ? second`,
    [sorted(ids), youngerThanSeconds],
  );
  return new Set(rows.map((row) => toInteger(row.id)));
}

/** Where orders stand, without locking them, what they are worth, and how often they were taken up again. */
export async function readStatuses(
  db: Queryable,
  ids: readonly number[],
): Promise<Map<number, { status: OrderStatus; totalCents: number; retries: number }>> {
  if (ids.length === 0) return new Map();
  const { rows } = await readPacked(
    db,
    [
      { sql: "id", kind: "number" },
      { sql: "status", kind: "text" },
      { sql: "total_cents", kind: "number" },
      { sql: "retries", kind: "number" },
    ],
    "from orders force index (primary) where id in (?)",
    [sorted(ids)],
  );
  return new Map(rows.map(([id, status, totalCents, retries]) => [toInteger(id!), {
    status: status as OrderStatus,
    totalCents: toInteger(totalCents!),
    retries: toInteger(retries!),
  }]));
}

/** What the orders need, item by item; the same product may come twice. */
export async function readItems(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, ItemNeed[]>> {
  const byOrder = new Map<number, ItemNeed[]>();
  if (orderIds.length === 0) return byOrder;
  const { rows } = await readPacked(
    db,
    [
      { sql: "order_id", kind: "number" },
      { sql: "product_id", kind: "number" },
      { sql: "qty", kind: "number" },
    ],
    "from order_items force index (order_items_order) where order_id in (?)",
    [sorted(orderIds)],
  );
  for (const row of rows) {
    const [orderId, productId, qty] = row.map((value) => toInteger(value)) as [
      number,
      number,
      number,
    ];
    const need = { productId, qty };
    const needs = byOrder.get(orderId);
    if (needs === undefined) byOrder.set(orderId, [need]);
    else needs.push(need);
  }
  return byOrder;
}

/**
 * Writes that something happened to orders, which must be locked: the states that they must be in, the one that
 * they are in afterwards and why they failed come from the table of transitions.
 *
 * @param now of {@linkcode lockOrders}
 * @throws {Error} where one of them is in another state: nothing may be committed then
 */
export async function transitionOrders(
  tx: Queryable,
  event: OrderEvent,
  ids: readonly number[],
  now: string,
): Promise<void> {
  if (ids.length === 0) return;
  if (event === "retry") return await retryOrders(tx, ids);
  const { from, to } = orderTransition(event);
  const reason = failureReasons[event];
  const { affectedRows } = await tx.runText(
    `
    update orders
    set status = ?, ${isSettled(to) ? "settled_time" : "reserved_time"} = ?${
      reason === undefined ? "" : ", failure_reason = ?"
    }
    where id in (?) and status in (?)`,
    [to, now, ...(reason === undefined ? [] : [reason]), sorted(ids), from],
  );
  expectAll(affectedRows, ids.length);
}

/**
 * Holds {@linkcode transitionOrders} to what it was to do, by the server itself: for a commit that goes with it, which cannot wait
 * for its answer.
 *
 * @throws what `isRefused` knows: nothing is committed then
 */
export async function refuseUnlessTransitioned(
  tx: Queryable,
  event: OrderEvent,
  ids: readonly number[],
  now: string,
): Promise<void> {
  const { to } = orderTransition(event);
  await refuseUnless(
    tx,
    `(
      select count(*)
      from orders force index (primary)
      where id in (?) and status = ? and ${
      isSettled(to) ? "settled_time" : "reserved_time"
    } = ?) = ?`,
    [sorted(ids), to, now, ids.length],
  );
}

/** Takes orders up again, each with a row that says what it had failed as. */
async function retryOrders(tx: Queryable, ids: readonly number[]): Promise<void> {
  const { from, to } = orderTransition("retry");
  const guard = "orders.id in (?) and orders.status in (?) and orders.failure_reason = ?";
  const guarded = [sorted(ids), from, retriedReason];
  await tx.query(
    `
    insert into order_retries
      (order_id, number, previous_id, customer_id, currency, total_cents, failed_at)
    select orders.id, orders.retries + 1, orders.retry_id, orders.customer_id, orders.currency,
      orders.total_cents, orders.settled_at
    from orders force index (primary)
    where ${guard}
    order by orders.id`,
    guarded,
  );
  const { affectedRows } = await tx.runText(
    `
    update orders force index (primary)
      straight_join order_retries force index (order_retries_once)
        on order_retries.order_id = orders.id and order_retries.number = orders.retries + 1
    set orders.status = ?, orders.failure_reason = null,
      orders.settled_time = '1000-01-01 00:00:00', orders.retry_id = order_retries.id,
      orders.retries = order_retries.number
    where ${guard}`,
    [to, ...guarded],
  );
  expectAll(affectedRows, ids.length);
}

/**
 * Has orders wait for stock, or wait no longer; they must be locked and `PENDING`.
 *
 * @throws {Error} where one of them is in another state: nothing may be committed then
 */
export async function markBackordered(
  tx: Queryable,
  ids: readonly number[],
  isWaiting: boolean,
): Promise<void> {
  if (ids.length === 0) return;
  const { affectedRows } = await tx.runText(
    "update orders set backordered = ? where id in (?) and status = 'PENDING'",
    [isWaiting ? 1 : 0, sorted(ids)],
  );
  expectAll(affectedRows, ids.length);
}

/**
 * Raises what went back of `PAID` orders, which must be locked. The rows are found by their key alone: a small table was
 * read as a whole instead, and whoever had any order in it was waited for.
 *
 * @param cents by order id
 */
export async function addRefunded(
  tx: Queryable,
  cents: ReadonlyMap<number, number>,
): Promise<void> {
  if (cents.size === 0) return;
  const { affectedRows } = await tx.run(
    `
    update json_table(?, '$[*]' columns (
      id bigint unsigned path '$[0]', cents bigint path '$[1]')) refunded
    straight_join orders force index (primary) on orders.id = refunded.id
    set orders.refunded_cents = orders.refunded_cents + refunded.cents
    where orders.status = 'PAID'`,
    [JSON.stringify([...cents])],
  );
  expectAll(affectedRows, cents.size);
}

/**
 * The guards in the statements and the locks before them agree, or the transaction must not commit.
 *
 * @throws {Error} when fewer rows changed than were decided on
 */
function expectAll(changed: number, expected: number): void {
  if (changed !== expected) {
    throw new Error(`${changed} of ${expected} orders changed; their state is not what was locked`);
  }
}

function sorted(ids: readonly number[]): number[] {
  return [...ids].sort((a, b) => a - b);
}

function ordersOf(rows: readonly (number | string | null)[][]): Map<number, OrderFacts> {
  return new Map(rows.map((row) => {
    const order = orderOf(row);
    return [order.id, order];
  }));
}

/** @param length values that are the order's: others may follow */
function orderOf(
  row: readonly (number | string | null)[],
  length: number = row.length,
): OrderFacts {
  const [id, customerId, status, currency, totalCents, failureReason, refundedCents, settledAt] =
    row;
  const order: OrderFacts = {
    id: toInteger(id!),
    customerId: toInteger(customerId!),
    status: status as OrderStatus,
    failureReason: failureReason as FailureReason | null,
    currency: String(currency),
    totalCents: toInteger(totalCents!),
    refundedCents: toInteger(refundedCents!),
    settledAt: settledAt as string | null,
  };
  if (length > plainLength) {
    const retryId = toInteger(row[plainLength]!);
    if (retryId !== 0) order.retryId = retryId;
    if (row[plainLength + 1] === 1) order.backordered = true;
    if (row[plainLength + 2] === 1) order.paidAtSource = true;
    const revision = toInteger(row[plainLength + 3]!);
    if (revision !== 0) order.revision = revision;
  }
  return order;
}

/** Values of an order that never ran short, was never edited, and is charged. */
const plainLength = 8;

function toOrderFacts(row: Row): OrderFacts {
  const order: OrderFacts = {
    id: toInteger(row.id),
    customerId: toInteger(row.customer_id),
    status: row.status as OrderStatus,
    failureReason: row.failure_reason as FailureReason | null,
    currency: String(row.currency),
    totalCents: toInteger(row.total_cents),
    refundedCents: toInteger(row.refunded_cents),
    settledAt: row.settled_at as string | null,
    ...(row.retry_id === null ? {} : { retryId: toInteger(row.retry_id) }),
    ...(toInteger(row.backordered) === 1 ? { backordered: true as const } : {}),
  };
  if (row.payment_status === "paid") order.paidAtSource = true;
  return order;
}
