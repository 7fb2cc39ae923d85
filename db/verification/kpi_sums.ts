/**
 * What counts towards the figures and the leaderboard, row by row and in sums. They read whole tables; sums
 * are to be read in one snapshot.
 *
 * @module
 */

import { type Queryable, type Row, toBigInteger, toInteger } from "../connection/database.ts";
import { readPacked } from "../connection/packed_rows.ts";
import { databaseTime } from "../../domain/database_time.ts";
import {
  type ChargebackMovement,
  failureBefore,
  type FinishedRefund,
  type OrderRetry,
  type SettledOrder,
} from "../../domain/kpi/kpi.ts";
import { toRetry } from "../orders/retries.ts";
import { andWithin, type Scope, type Scopes } from "./scope.ts";
import {
  countedStatuses,
  type KpiKind,
  kpiKindOf,
  type KpiKindRow,
} from "../../domain/kpi/kpi_table.ts";

const quoted = (texts: readonly string[]) => texts.map((text) => `'${text}'`).join(", ");

/** Conditions on the orders and refunds that count: the statuses are the list of `domain/kpi/kpi_table.ts`. */
const countedOrder = `orders.status in (${quoted(countedStatuses("order"))})`;
/** What its provider took back later counts as it was processed, and is taken out by itself. */
const wasProcessed = `(refunds.status in (${quoted(countedStatuses("refund"))})
      or exists (select 1 from returned_refunds where returned_refunds.refund_id = refunds.id))`;
const countedRefund = `${wasProcessed} and orders.settled_at is not null`;

const countedMovement = `chargeback_movements.counts = 1
      and chargeback_movements.kind in (${quoted(countedStatuses("chargeback"))})`;

const orderColumns =
  "orders.id, status, orders.customer_id, orders.currency, orders.total_cents, settled_at, retry_id";
const processedStatus = "if(refunds.status = 'FAILED', 'PROCESSED', refunds.status)";
const refundColumns =
  `refunds.id, ${processedStatus} as status, orders.customer_id, orders.currency,
      refunds.amount_cents, orders.settled_at`;

const movementColumns = `chargeback_movements.id, chargeback_movements.kind, orders.customer_id,
      chargeback_movements.currency, chargeback_movements.amount_cents, chargeback_movements.happened_at`;
const movementSource = `chargeback_movements
    straight_join orders on orders.id = chargeback_movements.order_id`;

/** Orders, refunds or movements of one quarter of an hour and one currency, together. */
export interface QuarterSum {
  kind: KpiKind;
  /** Beginning of the quarter in which the orders were settled, or the money moved: UTC, `YYYY-MM-DD HH:MM:SS`. */
  settledAt: string;
  currency: string;
  count: number;
  /** A sum, so it may be larger than a number holds. */
  cents: bigint;
}

/**
 * What settled orders and processed refunds come to. No time zone changes its day within a quarter of an
 * hour, so days can be put together from quarters outside the database, whose servers may lack the names
 * of zones.
 */
export async function sumQuarters(tx: Queryable, scopes: Scopes): Promise<QuarterSum[]> {
  const sums: QuarterSum[] = [];
  for (const scope of scopes.orders) sums.push(...await sumOrders(tx, scope));
  for (const scope of scopes.refunds) sums.push(...await sumRefunds(tx, scope));
  sums.push(...await sumReturned(tx), ...await sumMovements(tx));
  return sums;
}

/** The quarter of an hour since 1970 in which an order was settled: dividing seconds takes half the time of counting minutes. */
const settledQuarter = "(to_seconds(orders.settled_time) - 62167219200) div 900";

async function sumOrders(tx: Queryable, scope: Scope): Promise<QuarterSum[]> {
  const rows = await tx.query(`
    select status, ${settledQuarter} as quarter, currency,
      count(*) as n, sum(total_cents) as cents
    from orders
    where ${countedOrder}${andWithin("orders.id", scope)}
    group by status, quarter, currency`);
  return rows.map((row) => toQuarterSum("order", row));
}

async function sumRefunds(tx: Queryable, scope: Scope): Promise<QuarterSum[]> {
  const rows = await tx.query(`
    select ${processedStatus} as status, ${settledQuarter} as quarter, orders.currency,
      count(*) as n, sum(refunds.amount_cents) as cents
    from refunds
    straight_join orders on orders.id = refunds.order_id
    where ${countedRefund}${andWithin("refunds.id", scope)}
    group by 1, quarter, orders.currency`);
  return rows.map((row) => toQuarterSum("refund", row));
}

const returnedSource = `returned_refunds
    straight_join refunds on refunds.id = returned_refunds.refund_id
    straight_join orders on orders.id = refunds.order_id`;

/** What is taken out again, below zero: all of them, in whatever scope, as what they count by may be sealed. */
async function sumReturned(tx: Queryable): Promise<QuarterSum[]> {
  const rows = await tx.query(`
    select ${processedStatus} as status, ${settledQuarter} as quarter, orders.currency,
      -count(*) as n, -sum(refunds.amount_cents) as cents
    from ${returnedSource}
    where orders.settled_at is not null
    group by 1, quarter, orders.currency`);
  return rows.map((row) => toQuarterSum("refund", row));
}

/** All of them, in whatever scope: they are few, and none is sealed. */
async function sumMovements(tx: Queryable): Promise<QuarterSum[]> {
  const rows = await tx.query(`
    select kind as status, timestampdiff(minute, '1970-01-01', happened_at) div 15 as quarter, currency,
      count(*) as n, sum(amount_cents) as cents
    from chargeback_movements
    where ${countedMovement}
    group by status, quarter, currency`);
  return rows.map((row) => toQuarterSum("chargeback", row));
}

function toQuarterSum(of: KpiKindRow["of"], row: Row): QuarterSum {
  return {
    kind: kpiKindOf(of, String(row.status))!,
    settledAt: quarterBegin(toInteger(row.quarter)),
    currency: String(row.currency),
    count: toInteger(row.n),
    cents: toBigInteger(row.cents),
  };
}

/** What a customer's paid orders in one currency come to. */
export interface CustomerSum {
  customerId: number;
  currency: string;
  /** Paid orders, processed refunds and movements of chargebacks together. */
  events: number;
  /** Paid less refunded and charged back. */
  cents: bigint;
  /** Paid, refunded and moved together: no sum of some of the events is larger. */
  movedCents: bigint;
}

/** Customers of a range of ids, or certain ones. */
export type CustomerFilter = { after: number; upTo: number } | { ids: readonly number[] };

/** What customers have paid less what they were refunded or charged back. Without an index of customers it reads all. */
export async function sumCustomers(
  tx: Queryable,
  filter: CustomerFilter,
): Promise<CustomerSum[]> {
  const condition = "ids" in filter
    ? `orders.customer_id in (${filter.ids.map(Number).join(", ")})`
    : `orders.customer_id > ${Number(filter.after)} and orders.customer_id <= ${
      Number(filter.upTo)
    }`;
  // Of certain customers their orders are looked up first; of a range, which is long, what went back is read in its own order.
  const source = "ids" in filter
    ? (table: string) =>
      `orders force index (orders_customer) straight_join ${table} on ${table}.order_id = orders.id`
    : (table: string) => `${table} straight_join orders on orders.id = ${table}.order_id`;
  const paid = await tx.query(`
    select customer_id, currency, count(*) as n, sum(total_cents) as cents
    from orders
    where status = 'PAID' and ${condition}
    group by customer_id, currency`);
  const refunded = await tx.query(`
    select orders.customer_id, orders.currency, count(*) as n, sum(refunds.amount_cents) as cents
    from ${source("refunds")}
    where ${wasProcessed} and ${condition}
    group by orders.customer_id, orders.currency`);
  const returned = await tx.query(`
    select orders.customer_id, orders.currency, count(*) as n, sum(returned_refunds.amount_cents) as cents
    from ${source("returned_refunds")}
    where ${condition}
    group by orders.customer_id, orders.currency`);
  const moved = await tx.query(`
    select orders.customer_id, chargeback_movements.currency, count(*) as n,
      sum(chargeback_movements.amount_cents) as cents, sum(abs(chargeback_movements.amount_cents)) as moved_cents
    from ${source("chargeback_movements")}
    where ${countedMovement} and chargeback_movements.kind in ('held', 'lost') and ${condition}
    group by orders.customer_id, chargeback_movements.currency`);
  const sums = new Map<string, CustomerSum>();
  for (
    const [row, sign] of [
      ...withSign(paid, 1n),
      ...withSign(refunded, -1n),
      ...withSign(returned, 1n),
      ...withSign(moved, -1n),
    ]
  ) {
    const customerId = toInteger(row.customer_id);
    const currency = String(row.currency);
    const name = `${customerId}:${currency}`;
    const sum = sums.get(name) ??
      { customerId, currency, events: 0, cents: 0n, movedCents: 0n };
    const cents = toBigInteger(row.cents);
    sum.events += toInteger(row.n);
    sum.cents += sign * cents;
    sum.movedCents += row.moved_cents === undefined ? cents : toBigInteger(row.moved_cents);
    sums.set(name, sum);
  }
  return [...sums.values()];
}

/**
 * What some customers have paid less what their orders say went back: by reading their orders once. Where that is not what
 * refunds come to, or a chargeback took some, {@linkcode sumCustomers} says another sum.
 */
export async function sumPaidOrders(
  tx: Queryable,
  customerIds: readonly number[],
): Promise<Pick<CustomerSum, "customerId" | "currency" | "cents">[]> {
  const rows = await tx.query(
    `
    select customer_id, currency, sum(total_cents) - sum(refunded_cents) as cents
    from orders force index (orders_customer)
    where status = 'PAID' and customer_id in (?)
    group by customer_id, currency`,
    [[...customerIds]],
  );
  return rows.map((row) => ({
    customerId: toInteger(row.customer_id),
    currency: String(row.currency),
    cents: toBigInteger(row.cents),
  }));
}

function withSign(rows: readonly Row[], sign: bigint): [Row, bigint][] {
  return rows.map((row) => [row, sign]);
}

/** The customers of the paid orders of some scopes, and of the orders that refunds and chargebacks are about. */
export async function readCustomersOf(
  tx: Queryable,
  { orders, refunds }: Scopes,
): Promise<number[]> {
  const ids = new Set<number>();
  const add = (rows: readonly Row[]) => rows.forEach((row) => ids.add(toInteger(row.customer_id)));
  for (const scope of orders) {
    add(
      await tx.query(
        `select distinct customer_id from orders where status = 'PAID'${andWithin("id", scope)}`,
      ),
    );
  }
  for (const scope of refunds) {
    add(
      await tx.query(`
      select distinct orders.customer_id
      from refunds
      straight_join orders on orders.id = refunds.order_id
      where refunds.status = 'PROCESSED'${andWithin("refunds.id", scope)}`),
    );
  }
  add(await tx.query(`select distinct orders.customer_id from ${returnedSource}`));
  add(
    await tx.query(`
    select distinct orders.customer_id
    from ${movementSource}
    where ${countedMovement}`),
  );
  return [...ids].sort((a, b) => a - b);
}

/** Customers whose sums are compared together: a bit of a number for each. */
export const boardNeighbours = 64;

/** What neighbouring customers have paid in one currency, less what went back. */
export interface NeighbourSum {
  /** Their ids divided by {@linkcode boardNeighbours}. */
  bucket: number;
  currency: string;
  /** A bit for each who has a paid order, the lowest for the lowest id. */
  members: bigint;
  /** Exact below 2^53. */
  cents: number;
  /** The same, with each customer weighted by the place among the neighbours. */
  weighted: number;
}

/**
 * What all customers have paid less what they were refunded, by neighbours. It reads all orders once, in their own order,
 * and takes what went back from them: where it isn't what refunds come to, that is found elsewhere.
 */
export async function sumNeighbours(tx: Queryable): Promise<NeighbourSum[]> {
  const rows = await tx.query(`
    select customer_id div ${boardNeighbours} as bucket, currency,
      bit_or(1 << (customer_id % ${boardNeighbours})) as members,
      sum(total_cents - refunded_cents + 0e0) as cents,
      sum((total_cents - refunded_cents + 0e0) * (customer_id % ${boardNeighbours})) as weighted
    from orders
    where status = 'PAID'
    group by bucket, currency`);
  return rows.map((row) => ({
    bucket: toInteger(row.bucket),
    currency: String(row.currency),
    members: toBigInteger(row.members),
    cents: Number(row.cents),
    weighted: Number(row.weighted),
  }));
}

/** Ids to one bucket of {@linkcode countOrderBuckets}. */
export const bucketSize = 1_024;

/**
 * How many ids of each bucket (id divided by {@linkcode bucketSize}) are orders that were settled, and count as they
 * were settled first.
 */
export async function countOrderBuckets(
  tx: Queryable,
  scope: Scope,
): Promise<Map<number, number>> {
  const settled = await tx.query(
    `
    select id div ? as bucket, count(*) as n
    from orders
    where ${countedOrder} and retry_id is null${andWithin("id", scope)}
    group by bucket`,
    [bucketSize],
  );
  const failed = await tx.query(
    `
    select order_id div ? as bucket, count(*) as n
    from order_retries
    where previous_id is null${andWithin("order_id", scope)}
    group by bucket`,
    [bucketSize],
  );
  return addedUp(toBuckets(settled), toBuckets(failed));
}

/** How many ids of each bucket of `order_retries` were followed by an end that counts. */
export async function countAgainBuckets(tx: Queryable): Promise<Map<number, number>> {
  const settled = await tx.query(
    `
    select order_retries.id div ? as bucket, count(*) as n
    from order_retries
    straight_join orders on orders.id = order_retries.order_id
      and orders.retry_id = order_retries.id
    where ${countedOrder}
    group by bucket`,
    [bucketSize],
  );
  const failed = await tx.query(
    `
    select previous_id div ? as bucket, count(*) as n
    from order_retries
    where previous_id is not null
    group by bucket`,
    [bucketSize],
  );
  return addedUp(toBuckets(settled), toBuckets(failed));
}

/** How many ids of each bucket of `order_retries` there are: each took a failure out of the figures. */
export async function countUndoneBuckets(tx: Queryable): Promise<Map<number, number>> {
  return toBuckets(
    await tx.query(
      "select id div ? as bucket, count(*) as n from order_retries group by bucket",
      [bucketSize],
    ),
  );
}

/** How many ids of each bucket are finished refunds that count. */
export async function countRefundBuckets(
  tx: Queryable,
  scope: Scope,
): Promise<Map<number, number>> {
  return toBuckets(
    await tx.query(
      `
    select id div ? as bucket, count(*) as n
    from refunds
    where ${wasProcessed}${andWithin("id", scope)}
    group by bucket`,
      [bucketSize],
    ),
  );
}

/** How many ids of each bucket are refunds that their providers took back. */
export async function countReturnedBuckets(tx: Queryable): Promise<Map<number, number>> {
  return toBuckets(
    await tx.query(
      "select refund_id div ? as bucket, count(*) as n from returned_refunds group by bucket",
      [bucketSize],
    ),
  );
}

/** How many ids of each bucket of movements count. */
export async function countChargebackBuckets(tx: Queryable): Promise<Map<number, number>> {
  return toBuckets(
    await tx.query(
      `
    select id div ? as bucket, count(*) as n
    from chargeback_movements
    where ${countedMovement}
    group by bucket`,
      [bucketSize],
    ),
  );
}

/** The orders of one bucket that count, each as it was settled first. */
export async function readOrderBucket(tx: Queryable, bucket: number): Promise<SettledOrder[]> {
  const ids = [bucket * bucketSize, (bucket + 1) * bucketSize];
  const rows = await tx.query(
    `
    select ${orderColumns}
    from orders
    where id >= ? and id < ? and ${countedOrder} and retry_id is null`,
    ids,
  );
  const failed = await tx.query(
    `
    select *
    from order_retries
    where order_id >= ? and order_id < ? and previous_id is null`,
    ids,
  );
  return [...rows.map(toSettledOrder), ...failed.map((row) => failureBefore(toRetry(row)))];
}

/** The orders that count as they were settled after the times of one bucket of `order_retries`. */
export async function readAgainBucket(tx: Queryable, bucket: number): Promise<SettledOrder[]> {
  const ids = [bucket * bucketSize, (bucket + 1) * bucketSize];
  const rows = await tx.query(
    `
    select ${orderColumns}
    from order_retries
    straight_join orders on orders.id = order_retries.order_id
      and orders.retry_id = order_retries.id
    where order_retries.id >= ? and order_retries.id < ? and ${countedOrder}`,
    ids,
  );
  const failed = await tx.query(
    `
    select following.*
    from order_retries
    straight_join order_retries following on following.order_id = order_retries.order_id
      and following.number = order_retries.number + 1
    where order_retries.id >= ? and order_retries.id < ?`,
    ids,
  );
  return [...rows.map(toSettledOrder), ...failed.map((row) => failureBefore(toRetry(row)))];
}

/** One bucket of `order_retries`. */
export async function readUndoneBucket(tx: Queryable, bucket: number): Promise<OrderRetry[]> {
  const rows = await tx.query(
    "select * from order_retries where id >= ? and id < ?",
    [bucket * bucketSize, (bucket + 1) * bucketSize],
  );
  return rows.map(toRetry);
}

/** The finished refunds of one bucket that count. */
export async function readRefundBucket(tx: Queryable, bucket: number): Promise<FinishedRefund[]> {
  const rows = await tx.query(
    `
    select ${refundColumns}
    from refunds
    straight_join orders on orders.id = refunds.order_id
    where refunds.id >= ? and refunds.id < ? and ${countedRefund}`,
    [bucket * bucketSize, (bucket + 1) * bucketSize],
  );
  return rows.map(toFinishedRefund);
}

/** The refunds of one bucket that their providers took back, as they were processed. */
export async function readReturnedBucket(tx: Queryable, bucket: number): Promise<FinishedRefund[]> {
  const rows = await tx.query(
    `
    select ${refundColumns}
    from ${returnedSource}
    where returned_refunds.refund_id >= ? and returned_refunds.refund_id < ? and orders.settled_at is not null`,
    [bucket * bucketSize, (bucket + 1) * bucketSize],
  );
  return rows.map(toFinishedRefund);
}

/** The movements of one bucket that count. */
export async function readChargebackBucket(
  tx: Queryable,
  bucket: number,
): Promise<ChargebackMovement[]> {
  const rows = await tx.query(
    `
    select ${movementColumns}
    from ${movementSource}
    where chargeback_movements.id >= ? and chargeback_movements.id < ? and ${countedMovement}`,
    [bucket * bucketSize, (bucket + 1) * bucketSize],
  );
  return rows.map(toMovement);
}

/** A page of the movements that count, in the order of ids. */
export async function listChargebackMovements(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<ChargebackMovement[]> {
  const rows = await db.query(
    `
    select ${movementColumns}
    from ${movementSource}
    where chargeback_movements.id > ? and ${countedMovement}
    order by chargeback_movements.id
    limit ?`,
    [afterId, limit],
  );
  return rows.map(toMovement);
}

/** Movements that count and may not have been counted yet, in the order of ids. */
export async function listUncountedMovements(
  db: Queryable,
  limit: number,
): Promise<ChargebackMovement[]> {
  const rows = await db.query(
    `
    select ${movementColumns}
    from chargeback_movements force index (chargeback_movements_open)
    straight_join orders on orders.id = chargeback_movements.order_id
    where chargeback_movements.counted = 0
    order by chargeback_movements.id
    limit ?`,
    [limit],
  );
  return rows.map(toMovement);
}

/** Notes that movements are in the figures. */
export async function markCounted(db: Queryable, ids: readonly number[]): Promise<void> {
  await db.runText("update chargeback_movements set counted = 1 where id in (?)", [[...ids]]);
}

/** A page of the settled orders that count, in the order of ids, packed: for whoever reads all of them. */
export async function readSettledOrders(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<SettledOrder[]> {
  const { rows } = await readPacked(
    db,
    [
      { sql: "page.id", kind: "number" },
      { sql: "page.status", kind: "text" },
      { sql: "page.customer_id", kind: "number" },
      { sql: "page.currency", kind: "text" },
      { sql: "page.total_cents", kind: "number" },
      { sql: "timestampdiff(minute, '1970-01-01', page.settled_at) div 15", kind: "number" },
      { sql: "coalesce(page.retry_id, 0)", kind: "number" },
    ],
    `from (
      select ${orderColumns}
      from orders force index (primary)
      where id > ? and ${countedOrder}
      order by id
      limit ?) page`,
    [afterId, limit],
  );
  const orders = rows.map(([id, status, customerId, currency, totalCents, quarter, retryId]) => ({
    id: Number(id),
    status: String(status),
    customerId: Number(customerId),
    currency: String(currency),
    totalCents: Number(totalCents),
    settledAt: quarterBegin(Number(quarter)),
    ...(retryId === 0 ? {} : { retryId: Number(retryId) }),
  }));
  return orders.sort((a, b) => a.id - b.id);
}

const quarterBegins = new Map<number, string>();

/** Beginning of a quarter of an hour since 1970: UTC, `YYYY-MM-DD HH:MM:SS`. */
function quarterBegin(quarter: number): string {
  let begin = quarterBegins.get(quarter);
  if (begin === undefined) {
    if (quarterBegins.size >= 10_000) quarterBegins.clear();
    begin = databaseTime(quarter * 900_000, 0);
    quarterBegins.set(quarter, begin);
  }
  return begin;
}

/** A page of the finished refunds that count, in the order of ids. */
export async function listFinishedRefunds(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<FinishedRefund[]> {
  const rows = await db.query(
    `
    select ${refundColumns}
    from refunds
    straight_join orders on orders.id = refunds.order_id
    where refunds.id > ? and ${countedRefund}
    order by refunds.id
    limit ?`,
    [afterId, limit],
  );
  return rows.map(toFinishedRefund);
}

/** A page of the refunds that their providers took back, as they were processed, in the order of ids. */
export async function listReturnedRefunds(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<FinishedRefund[]> {
  const rows = await db.query(
    `
    select ${refundColumns}
    from ${returnedSource}
    where returned_refunds.refund_id > ? and orders.settled_at is not null
    order by returned_refunds.refund_id
    limit ?`,
    [afterId, limit],
  );
  return rows.map(toFinishedRefund);
}

/** Those that are not known to be out of the figures, each with its order, in the order of ids. */
export async function listUncountedReturns(
  db: Queryable,
  limit: number,
): Promise<(FinishedRefund & { orderId: number })[]> {
  const rows = await db.query(
    `
    select ${refundColumns}, refunds.order_id
    from returned_refunds force index (returned_refunds_counted)
    straight_join refunds on refunds.id = returned_refunds.refund_id
    straight_join orders on orders.id = refunds.order_id
    where returned_refunds.counted = 0
    order by returned_refunds.refund_id
    limit ?`,
    [limit],
  );
  return rows.map((row) => ({ ...toFinishedRefund(row), orderId: toInteger(row.order_id) }));
}

/** Notes that refunds are out of the figures. */
export async function markReturnsCounted(db: Queryable, ids: readonly number[]): Promise<void> {
  await db.runText("update returned_refunds set counted = 1 where refund_id in (?)", [[...ids]]);
}

function toSettledOrder(row: Row): SettledOrder {
  return {
    id: toInteger(row.id),
    status: String(row.status),
    customerId: toInteger(row.customer_id),
    currency: String(row.currency),
    totalCents: toInteger(row.total_cents),
    settledAt: String(row.settled_at),
    ...(row.retry_id === null ? {} : { retryId: toInteger(row.retry_id) }),
  };
}

function toFinishedRefund(row: Row): FinishedRefund {
  return {
    id: toInteger(row.id),
    status: String(row.status),
    customerId: toInteger(row.customer_id),
    currency: String(row.currency),
    amountCents: toInteger(row.amount_cents),
    settledAt: String(row.settled_at),
  };
}

function toMovement(row: Row): ChargebackMovement {
  return {
    id: toInteger(row.id),
    kind: String(row.kind),
    customerId: toInteger(row.customer_id),
    currency: String(row.currency),
    amountCents: toInteger(row.amount_cents),
    happenedAt: String(row.happened_at),
  };
}

function toBuckets(rows: readonly Row[]): Map<number, number> {
  return new Map(rows.map((row) => [toInteger(row.bucket), toInteger(row.n)]));
}

function addedUp(
  a: Map<number, number>,
  b: ReadonlyMap<number, number>,
): Map<number, number> {
  for (const [bucket, count] of b) a.set(bucket, (a.get(bucket) ?? 0) + count);
  return a;
}
