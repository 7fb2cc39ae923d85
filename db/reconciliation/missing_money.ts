/**
 * Money that is on record here and in none of a provider's reports.
 *
 * @module
 */

import { archivedForm, hasArchived } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { noPart } from "./provider_movements.ts";

/** Money of ours, with what names it. Times are UTC. */
export interface MissingMoney {
  movement: "charge" | "refund";
  orderId: number;
  /** Of the order's payment at the provider. */
  paymentId: number;
  refundId: number | null;
  reference: string;
  chargeRef: string;
  /** The refund's key at the provider. */
  key: string | null;
  amountCents: number;
  currency: string;
  at: string;
}

/** A stretch of time, in UTC: from its first moment up to the first that it has not. */
export interface Span {
  from: string;
  until: string;
}

/** Ids to a statement. */
const idsAtOnce = 50_000;

/**
 * Days that a row may be older than what is told of it: rows are written in the order of their ids but for transactions
 * that overlap, and clocks that differ; and refunds take a provider days, or wait for a person.
 */
const chargeSlackDays = 1, refundSlackDays = 90;

/** Payments of a span that no report tells of; of those that are archived, too. */
export async function* missingCharges(
  db: Queryable,
  provider: string,
  span: Span,
): AsyncGenerator<MissingMoney[]> {
  const sql = `
    select payments.order_id, payments.id, orders.external_order_id, payments.provider_ref, payments.amount_cents,
      coalesce(payments.currency, orders.currency) as currency, payments.paid_at as moved_at
    from payments force index (primary)
    left join provider_movements movement
      on movement.kind = 'charge' and movement.subject_id = payments.id and movement.part = unhex('${noPart}')
    straight_join orders on orders.id = payments.order_id
    where payments.id between ? and ? and payments.provider = ? and payments.status <> 'DECLINED'
      and payments.amount_cents > 0 and payments.paid_at >= ? and payments.paid_at < ?
      and movement.subject_id is null`;
  for (const table of await hasArchived(db) ? ["payments", "archived_payments"] : ["payments"]) {
    const statement = table === "payments" ? sql : archivedForm(sql);
    for await (const [low, high] of idRanges(db, table, span.from, chargeSlackDays)) {
      const rows = await db.query(statement, [low, high, provider, span.from, span.until]);
      if (rows.length > 0) yield rows.map((row) => toMissing(row, "charge"));
    }
  }
}

/** Refunds of a span that went through the provider, and that no report tells of. */
export async function* missingRefunds(
  db: Queryable,
  provider: string,
  span: Span,
): AsyncGenerator<MissingMoney[]> {
  const sql = `
    select refunds.order_id, refunds.id as refund_id, payments.id, orders.external_order_id, payments.provider_ref,
      refunds.amount_cents, orders.currency, refunds.processed_at as moved_at, refunds.provider_key
    from refunds force index (primary)
    left join provider_movements movement
      on movement.kind = 'refund' and movement.subject_id = refunds.id and movement.part = unhex('${noPart}')
    straight_join payments on payments.order_id = refunds.order_id and payments.surplus = 0
    straight_join orders on orders.id = refunds.order_id
    where refunds.id between ? and ? and refunds.status = 'PROCESSED' and refunds.by_hand = 0
      and refunds.processed_at >= ? and refunds.processed_at < ? and payments.provider = ?
      and movement.subject_id is null`;
  const statements = await hasArchived(db) ? [sql, archivedForm(sql)] : [sql];
  for await (const [low, high] of idRanges(db, "refunds", span.from, refundSlackDays)) {
    for (const statement of statements) {
      const rows = await db.query(statement, [low, high, span.from, span.until, provider]);
      if (rows.length > 0) yield rows.map((row) => toMissing(row, "refund"));
    }
  }
}

/**
 * Money of payments that went back by themselves in a span, such as late ones, of which no report tells. What a customer's
 * bank took in the place of its going back is no refund of the provider's.
 */
export async function* missingReversals(
  db: Queryable,
  provider: string,
  span: Span,
): AsyncGenerator<MissingMoney[]> {
  const sql = `
    select payments.order_id, payments.id, orders.external_order_id, payments.provider_ref, payments.amount_cents,
      coalesce(payments.currency, orders.currency) as currency, payments.updated_at as moved_at
    from payments force index (primary)
    left join provider_movements movement
      on movement.kind = 'reversal' and movement.subject_id = payments.id and movement.part = unhex('${noPart}')
    straight_join orders on orders.id = payments.order_id
    where payments.id between ? and ? and payments.provider = ? and payments.status = 'REVERSED'
      and payments.amount_cents > 0 and payments.updated_at >= ? and payments.updated_at < ?
      and movement.subject_id is null
      and not exists (
        select 1 from order_events
        where order_events.order_id = payments.order_id and order_events.event = 'payment_returned')
      and not (payments.amount_cents <= (
          select coalesce(sum(chargebacks.amount_cents), 0)
          from chargebacks force index (chargebacks_order)
          where chargebacks.order_id = payments.order_id and chargebacks.payment_id = payments.id
            and chargebacks.state = 'lost')
        and exists (
          select 1 from order_events
          where order_events.order_id = payments.order_id and order_events.event = 'payment_reversed'
            and order_events.detail like '%: by a chargeback that was lost'))`;
  for await (const [low, high] of idRanges(db, "payments", span.from, refundSlackDays)) {
    const rows = await db.query(sql, [low, high, provider, span.from, span.until]);
    if (rows.length > 0) yield rows.map((row) => toMissing(row, "refund"));
  }
}

function toMissing(row: Row, movement: MissingMoney["movement"]): MissingMoney {
  return {
    movement,
    orderId: toInteger(row.order_id),
    paymentId: toInteger(row.id),
    refundId: row.refund_id === undefined || row.refund_id === null
      ? null
      : toInteger(row.refund_id),
    reference: String(row.external_order_id),
    chargeRef: String(row.provider_ref),
    key: row.provider_key === undefined || row.provider_key === null
      ? null
      : String(row.provider_key),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    at: String(row.moved_at),
  };
}

/** Ranges of ids from the first row that may have been written since a moment. */
async function* idRanges(
  db: Queryable,
  table: string,
  since: string,
  slackDays: number,
): AsyncGenerator<[low: number, high: number]> {
  const [ends] = await db.query(`select min(id) as lowest, max(id) as highest from ${table}`);
  if (ends?.highest == null) return;
  const highest = toInteger(ends.highest);
  const from = await firstIdSince(db, table, since, {
    low: toInteger(ends.lowest),
    high: highest + 1,
    slackDays,
  });
  for (let low = from; low <= highest; low += idsAtOnce) {
    yield [low, Math.min(highest, low + idsAtOnce - 1)];
  }
}

/** Found by halving the primary key, which needs no index of times that every payment would have to be written to. */
async function firstIdSince(
  db: Queryable,
  table: string,
  since: string,
  { low, high, slackDays }: { low: number; high: number; slackDays: number },
): Promise<number> {
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await db.query(
      `
      select id, created_at >= ? - interval ${slackDays} day as is_since
      from ${table} force index (primary) where id >= ? order by id limit 1`,
      [since, middle],
    );
    if (row === undefined || toInteger(row.is_since) === 1) high = middle;
    else low = toInteger(row.id) + 1;
  }
  return low;
}
