/**
 * What is sealed of orders and refunds: checksums of their rows, the sums of them, and how far sealing has come.
 *
 * @module
 */

import type { KpiKind } from "../../domain/kpi/kpi_table.ts";
import { retriedReason } from "../../domain/order/order.ts";
import { archivedForm, hasArchived } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toBigInteger, toInteger } from "../connection/database.ts";
import { andWithin, type Scope, within } from "./scope.ts";
import { heldUnits, returnedUnits, summed } from "./verify.ts";

/** What is sealed. */
export type SealKind = "order" | "refund";

/** How far sealing has come: the highest ids that it has passed. */
export interface SealMarks {
  /** Zone of the days of the sums; null before anything is sealed. */
  timeZone: string | null;
  order: number;
  refund: number;
  payment: number;
  retry: number;
}

const marksColumn = {
  order: "orders_upto",
  refund: "refunds_upto",
  payment: "payments_upto",
  retry: "retries_upto",
} as const;

/** Reads the marks; whoever is about to seal locks them. */
export async function readSealMarks(
  db: Queryable,
  lock: "" | "for update" = "",
): Promise<SealMarks> {
  const [row] = await db.query(`select * from seal_marks where id = 1 ${lock}`);
  if (row === undefined) return { timeZone: null, order: 0, refund: 0, payment: 0, retry: 0 };
  return {
    timeZone: row.time_zone === null ? null : String(row.time_zone),
    order: toInteger(row.orders_upto),
    refund: toInteger(row.refunds_upto),
    payment: toInteger(row.payments_upto),
    retry: toInteger(row.retries_upto),
  };
}

/** Moves one of the marks, which must be locked. */
export async function moveSealMark(
  tx: Queryable,
  kind: keyof typeof marksColumn,
  upTo: number,
): Promise<void> {
  await tx.runText(`update seal_marks set ${marksColumn[kind]} = ? where id = 1`, [upTo]);
}

/** Forgets all that is sealed and begins anew, with days of a zone. The marks must be locked. */
export async function beginSealsAnew(tx: Queryable, timeZone: string): Promise<void> {
  for (const table of ["seals", "unsealed_rows", "sealed_days", "sealed_units"]) {
    await tx.runText(`delete from ${table}`);
  }
  await tx.run(
    `update seal_marks
    set time_zone = ?, orders_upto = 0, refunds_upto = 0, payments_upto = 0, retries_upto = 0
    where id = 1`,
    [timeZone],
  );
}

/** An order or a refund as it may be sealed. */
export interface SealCandidate {
  id: number;
  /** Of what is sealed of it. */
  checksum: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
  createdAt: string;
  /** When it came to its end; null before. */
  endedAt: string | null;
  status: string;
  currency: string;
  cents: number;
  /** When its order was settled: the day that it counts for; null where that has not ended. */
  settledAt: string | null;
}

/**
 * What nothing changes once the order has ended. The facts are those that `order_retries` keeps of an order that is taken
 * up again.
 */
const orderFacts = (
  { id, status, reason, settled, table }: {
    id: string;
    status: string;
    reason: string;
    settled: string;
    table: string;
  },
) =>
  `crc32(concat_ws('|', ${id}, ${table}.customer_id, cast(${status} as binary),
      cast(coalesce(${reason}, '') as binary), cast(${table}.currency as binary), ${table}.total_cents,
      cast(${settled} as binary)))`;

const ownFacts = orderFacts({
  id: "orders.id",
  status: "orders.status",
  reason: "orders.failure_reason",
  settled: "orders.settled_time",
  table: "orders",
});

const failedFacts = orderFacts({
  id: "order_retries.order_id",
  status: "'FAILED'",
  reason: `'${retriedReason}'`,
  settled: "order_retries.failed_at",
  table: "order_retries",
});

/**
 * Orders of a scope by id, with their checksums: over what an order came to and, of a paid one, over its items, its
 * adjustments and the payment that settled it. What may change later by right (what went back, names and addresses, later
 * payments) is not in them.
 */
export async function readOrderCandidates(
  tx: Queryable,
  scope: Scope,
  limit: number,
): Promise<SealCandidate[]> {
  const page = `
      select id from orders where ${within("id", scope)} order by id limit ${Number(limit)}`;
  const isArchived = await hasArchived(tx);
  const ofOrders = (table: string, columns: string, condition = "true") => {
    const live = liveOf(table, columns, condition);
    return isArchived
      ? `
      select part.order_id, sum(part.checksum) as checksum
      from (${live} union all ${archivedForm(live)}) part
      group by part.order_id`
      : live;
  };
  const liveOf = (table: string, columns: string, condition: string) => `
      select ${table}.order_id, sum(crc32(concat_ws('|', ${columns}))) as checksum
      from (${page}) page
      straight_join ${table} on ${table}.order_id = page.id
      where ${condition}
      group by ${table}.order_id`;
  const rows = await tx.query(`
    select orders.id, orders.status, orders.currency, orders.total_cents as cents, orders.settled_at as ended_at,
      orders.settled_at, orders.created_at,
      (${ownFacts} + if(orders.status = 'PAID', coalesce(items.checksum, 0) + coalesce(adjustments.checksum, 0)
        + coalesce(paid.checksum, 0), 0)) % 4294967296 as checksum
    from (${page}) page
    straight_join orders on orders.id = page.id
    left join (${
    ofOrders(
      "order_items",
      "order_items.id, order_items.product_id, order_items.unit_price_cents, order_items.qty, order_items.subtotal_cents",
    )
  }) items on items.order_id = orders.id
    left join (${
    ofOrders(
      "order_adjustments",
      "order_adjustments.id, cast(order_adjustments.kind as binary), order_adjustments.amount_cents, order_adjustments.included",
    )
  }) adjustments on adjustments.order_id = orders.id
    left join (${
    ofOrders(
      "payments",
      "payments.id, cast(payments.provider as binary), cast(payments.status as binary), payments.amount_cents",
      "payments.surplus = 0",
    )
  }) paid on paid.order_id = orders.id
    order by orders.id`);
  return rows.map(toCandidate);
}

/**
 * Refunds of a scope by id, with their checksums: over what was asked for, and what became of it when. What its provider
 * took back later is sealed as it was processed: what may change later by right is not in it.
 */
export async function readRefundCandidates(
  tx: Queryable,
  scope: Scope,
  limit: number,
): Promise<SealCandidate[]> {
  const rows = await tx.query(`
    select refunds.id, ${sealedStatus} as status, orders.currency, refunds.amount_cents as cents,
      refunds.processed_at as ended_at, orders.settled_at, refunds.created_at,
      crc32(concat_ws('|', refunds.id, refunds.order_id, refunds.amount_cents, cast(${sealedStatus} as binary),
        cast(refunds.processed_at as binary))) as checksum
    from refunds
    left join returned_refunds on returned_refunds.refund_id = refunds.id
    straight_join orders on orders.id = refunds.order_id
    where ${within("refunds.id", scope)}
    order by refunds.id
    limit ${Number(limit)}`);
  return rows.map(toCandidate);
}

const sealedStatus = "if(returned_refunds.refund_id is null, refunds.status, 'PROCESSED')";

function toCandidate(row: Row): SealCandidate {
  return {
    id: toInteger(row.id),
    checksum: toInteger(row.checksum),
    createdAt: String(row.created_at),
    endedAt: row.ended_at === null ? null : String(row.ended_at),
    status: String(row.status),
    currency: String(row.currency),
    cents: toInteger(row.cents),
    settledAt: row.settled_at === null ? null : String(row.settled_at),
  };
}

/** A seal over the rows of a piece of ids. */
export interface Seal {
  kind: SealKind;
  firstId: number;
  lastId: number;
  /** Checksum by id. */
  checksums: Map<number, number>;
  isBroken: boolean;
}

/** Ids of one seal lie within so many. */
export const sealSpan: number = 2 ** 32;

/** Writes a seal, or what has become of it. */
export async function writeSeal(tx: Queryable, seal: Seal): Promise<void> {
  const { kind, firstId, lastId, checksums, isBroken } = seal;
  const bytes = new Uint8Array(8 * checksums.size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [id, checksum] of [...checksums].sort(([a], [b]) => a - b)) {
    view.setUint32(at, id - firstId);
    view.setUint32(at + 4, checksum);
    at += 8;
  }
  await tx.run(
    `
    insert into seals (kind, first_id, last_id, sealed_rows, checksums, is_broken)
    values (?, ?, ?, ?, ?, ?)
    on duplicate key update last_id = values(last_id), sealed_rows = values(sealed_rows),
      checksums = values(checksums), is_broken = values(is_broken)`,
    [kind, firstId, lastId, checksums.size, bytes, isBroken ? 1 : 0],
  );
}

/** Notes that a seal was looked at just now, and whether a row of it is not as it was sealed. */
export async function noteProven(
  db: Queryable,
  { kind, firstId }: Pick<Seal, "kind" | "firstId">,
  isBroken: boolean,
): Promise<void> {
  await db.run(
    "update seals set proven_at = current_timestamp(6), is_broken = ? where kind = ? and first_id = ?",
    [isBroken ? 1 : 0, kind, firstId],
  );
}

/** The seal that lies over an id; null where none does. */
export async function readSealOver(
  db: Queryable,
  kind: SealKind,
  id: number,
  lock: "" | "for update" = "",
): Promise<Seal | null> {
  const [row] = await db.execute(
    `select * from seals where kind = ? and first_id <= ? order by first_id desc limit 1 ${lock}`,
    [kind, id],
  );
  if (row === undefined) return null;
  const seal = toSeal(row);
  return seal.lastId < id ? null : seal;
}

/** The seals that were looked at the longest ago, not the broken ones. */
export async function readStalestSeals(db: Queryable, limit: number): Promise<Seal[]> {
  const rows = await db.query(
    "select * from seals where is_broken = 0 order by proven_at limit ?",
    [limit],
  );
  return rows.map(toSeal);
}

/** Broken seals, the first ones. */
export async function readBrokenSeals(db: Queryable, limit: number): Promise<Seal[]> {
  const rows = await db.query(
    "select * from seals where is_broken = 1 order by proven_at limit ?",
    [limit],
  );
  return rows.map(toSeal);
}

function toSeal(row: Row): Seal {
  const firstId = toInteger(row.first_id);
  const bytes = row.checksums as Uint8Array;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const checksums = new Map<number, number>();
  for (let at = 0; at < bytes.byteLength; at += 8) {
    checksums.set(firstId + view.getUint32(at), view.getUint32(at + 4));
  }
  return {
    kind: row.kind as SealKind,
    firstId,
    lastId: toInteger(row.last_id),
    checksums,
    isBroken: toInteger(row.is_broken) === 1,
  };
}

/** What there is of seals. */
export interface SealFacts {
  /** Orders that are sealed. */
  orders: number;
  refunds: number;
  broken: number;
  /** When the seal was looked at that was looked at the longest ago, UTC; null where there are none. */
  provenSince: string | null;
}

/** Counts what is sealed. */
export async function readSealFacts(db: Queryable): Promise<SealFacts> {
  const [row] = await db.query(`
    select coalesce(sum(if(kind = 'order', sealed_rows, 0)), 0) as orders,
      coalesce(sum(if(kind = 'refund', sealed_rows, 0)), 0) as refunds,
      coalesce(sum(is_broken), 0) as broken, min(proven_at) as proven_since
    from seals`);
  return {
    orders: toInteger(row?.orders),
    refunds: toInteger(row?.refunds),
    broken: toInteger(row?.broken),
    provenSince: row?.proven_since == null ? null : String(row.proven_since),
  };
}

/** A page of the rows that sealing has passed without sealing them. */
export async function listUnsealed(
  db: Queryable,
  kind: SealKind | "payment",
  { afterId, limit }: { afterId: number; limit: number },
): Promise<number[]> {
  const rows = await db.query(
    "select id from unsealed_rows where kind = ? and id > ? order by id limit ?",
    [kind, afterId, limit],
  );
  return rows.map((row) => toInteger(row.id));
}

/** Notes rows that sealing passes. */
export async function addUnsealed(
  tx: Queryable,
  kind: SealKind | "payment",
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  await tx.run(
    `
    insert ignore into unsealed_rows (kind, id)
    select ?, given.id
    from json_table(?, '$[*]' columns (id bigint path '$')) given`,
    [kind, JSON.stringify(ids)],
  );
}

/**
 * Notes that the payment which an order ended by, whose row must be locked, is to be given back after all: sealing may have
 * passed it as one that is over.
 */
export async function addReopenedPayment(tx: Queryable, orderId: number): Promise<void> {
  await tx.run(
    `
    insert ignore into unsealed_rows (kind, id)
    select 'payment', payments.id
    from payments force index (payments_order_once)
    where payments.order_id = ? and payments.surplus = 0`,
    [orderId],
  );
}

/** Forgets rows that are sealed now. */
export async function removeUnsealed(
  tx: Queryable,
  kind: SealKind | "payment",
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  await tx.runText("delete from unsealed_rows where kind = ? and id in (?)", [kind, [...ids]]);
}

/** What the sealed orders or refunds of a day and currency come to, by kind of event. */
export interface SealedSum {
  /** `YYYY-MM-DD` */
  day: string;
  currency: string;
  kind: KpiKind;
  events: number;
  cents: bigint;
}

/** Adds to the sums of days; what is below zero is taken away. */
export async function addSealedSums(tx: Queryable, sums: readonly SealedSum[]): Promise<void> {
  if (sums.length === 0) return;
  await tx.run(
    `
    insert into sealed_days (day, currency, kind, events, cents)
    select * from (
      select given.day, given.currency, given.kind, given.events, cast(given.cents as decimal(38, 0)) as cents
      from json_table(?, '$[*]' columns (
        day date path '$.day', currency char(3) path '$.currency', kind varchar(16) path '$.kind',
        events bigint path '$.events', cents varchar(40) path '$.cents')) given
    ) added
    on duplicate key update events = sealed_days.events + added.events,
      cents = sealed_days.cents + added.cents`,
    [
      JSON.stringify(
        sums.toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : 1)
          .map((sum) => ({ ...sum, cents: String(sum.cents) })),
      ),
    ],
  );
}

const nameOf = ({ day, currency, kind }: SealedSum) => `${day}:${currency}:${kind}`;

/** All sums of days. */
export async function readSealedSums(db: Queryable): Promise<SealedSum[]> {
  const rows = await db.query("select day, currency, kind, events, cents from sealed_days");
  return rows.map((row) => ({
    day: String(row.day),
    currency: String(row.currency),
    kind: String(row.kind) as KpiKind,
    events: toInteger(row.events),
    cents: toBigInteger(row.cents),
  }));
}

/** Adds the units of orders that are sealed now, or takes away those that sealed refunds have put back. */
export async function addSealedUnits(
  tx: Queryable,
  kind: SealKind,
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  const units = kind === "order" ? heldUnits({ ids }) : returnedUnits({ ids });
  const everywhere = await hasArchived(tx) ? summed([units, archivedForm(units)]) : units;
  await tx.runText(`
    insert into sealed_units (product_id, qty)
    select moved.product_id, moved.qty * ${kind === "order" ? 1 : -1}
    from (${everywhere}) moved
    order by moved.product_id
    on duplicate key update qty = sealed_units.qty + values(qty)`);
}

/** A failure that is taken back because its order was taken up again. */
export interface TakenBack {
  /** Of its row in `order_retries`. */
  id: number;
  orderId: number;
  currency: string;
  cents: number;
  /** When the order had failed. */
  settledAt: string;
  /** As it would have been sealed. */
  checksum: number;
  /** Whether the row is so old that no transaction of before it is open any more. */
  isOld: boolean;
}

/** Seconds after which no transaction is open any more that took a lower id. */
export const settledSeconds = 900;

/** A page of the times that orders up to an id were taken up again. */
export async function listTakenBack(
  db: Queryable,
  { afterId, limit, ordersUpTo, orderIds }: {
    afterId: number;
    limit: number;
    ordersUpTo: number;
    /** Only of these orders. */
    orderIds?: readonly number[];
  },
): Promise<TakenBack[]> {
  const rows = await db.query(
    `
    select order_retries.id, order_retries.order_id, order_retries.currency, order_retries.total_cents,
      order_retries.failed_at, ${failedFacts} as checksum,
      order_retries.created_at < current_timestamp(6) - interval ${settledSeconds} second as is_old
    from order_retries
    where order_retries.id > ? and order_retries.order_id <= ?${
      orderIds === undefined ? "" : andWithin("order_retries.order_id", { ids: orderIds })
    }
    order by order_retries.id
    limit ?`,
    [afterId, ordersUpTo, limit],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    currency: String(row.currency),
    cents: toInteger(row.total_cents),
    settledAt: String(row.failed_at),
    checksum: toInteger(row.checksum),
    isOld: toInteger(row.is_old) === 1,
  }));
}

/** A page of payments that are no longer new, with whether they are to be given back or decided about. */
export async function listOldPayments(
  db: Queryable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<{ id: number; isOpen: boolean }[]> {
  const rows = await db.query(
    `
    select id, status in ('REVERSING', 'DISPUTED') as is_open,
      created_at < current_timestamp(6) - interval ${settledSeconds} second as is_old
    from payments
    where id > ?
    order by id
    limit ?`,
    [afterId, limit],
  );
  const young = rows.findIndex((row) => toInteger(row.is_old) === 0);
  return (young === -1 ? rows : rows.slice(0, young)).map((row) => ({
    id: toInteger(row.id),
    isOpen: toInteger(row.is_open) === 1,
  }));
}

/** Which of these payments are to be given back or decided about. */
export async function keepOpenPayments(db: Queryable, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const rows = await db.query(
    "select id from payments where id in (?) and status in ('REVERSING', 'DISPUTED')",
    [[...ids]],
  );
  return rows.map((row) => toInteger(row.id));
}

/** Which of these orders refunds of a scope are about. */
export async function ordersOfRefunds(db: Queryable, scope: Scope): Promise<number[]> {
  const rows = await db.query(
    `select distinct order_id from refunds where ${within("id", scope)} order by order_id`,
  );
  return rows.map((row) => toInteger(row.order_id));
}

/** Which orders some payments are of. */
export async function ordersOfPayments(db: Queryable, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const rows = await db.query("select distinct order_id from payments where id in (?)", [[...ids]]);
  return rows.map((row) => toInteger(row.order_id));
}

/** The database's clock, UTC, less so many seconds. */
export async function secondsAgo(db: Queryable, seconds: number): Promise<string> {
  const [row] = await db.query(`select current_timestamp(6) - interval ? second as moment`, [
    seconds,
  ]);
  return String(row!.moment);
}
