/**
 * Money that is on record here and in none of a provider's reports.
 *
 * @module
 */

import { chargebackStatesWhere } from "../../domain/payment/chargeback.ts";
import type { MovementKind } from "../../domain/reconciliation/discrepancy.ts";
import { archivedForm, hasArchived } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { saysLostByChargeback } from "../payments/returned_money.ts";
import { namesPayment } from "../payments/returned_reversals.ts";
import { noPart } from "./provider_movements.ts";

/** What of ours reports have to tell of. */
export type ReportedKind = Extract<
  MovementKind,
  "charge" | "refund" | "reversal" | "chargeback" | "won_back" | "returned" | "unreversed"
>;

/** Money of ours, with what names it. Times are UTC. */
export interface MissingMoney {
  /** As what its movement would be kept. */
  movement: ReportedKind;
  orderId: number;
  /** The payment that it is of; null of a chargeback whose payment is not known. */
  paymentId: number | null;
  refundId: number | null;
  /** Of a chargeback its row. */
  chargebackId: number | null;
  reference: string;
  chargeRef: string;
  /** The provider's name for a chargeback. */
  refundRef: string | null;
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

/** One kind of money of ours, and where its rows are. */
interface Kind {
  movement: ReportedKind;
  /** Whose ids are gone through; its archived rows are another range of ids. */
  table: "payments" | "refunds" | "chargebacks";
  /**
   * Days that a row may be older than what is told of it: rows are written in the order of their ids but for transactions
   * that overlap, and clocks that differ; and refunds take a provider days, or wait for a person.
   */
  slackDays: number;
  /** What names a row besides its id and its order. */
  columns: string;
  /** What it is read from; left out for its table. */
  from?: string;
  /** And what besides, but for its order. */
  joins: string;
  /** When the money moved. */
  movedAt: string;
  /** What else has to be so. */
  where: string;
}

const ofPayments = `payments.id as payment_id, payments.provider_ref, payments.amount_cents,
      coalesce(payments.currency, orders.currency) as currency`;

/**
 * What a customer's bank took in the place of money that was to go back by itself is no refund of the provider's, and nor is what a
 * person gave back.
 */
const wentBackThere = `
      not exists (
        select 1 from order_events
        where order_events.order_id = payments.order_id and order_events.event = 'payment_returned'
          and if(payments.surplus > 0, ${
  namesPayment("order_events.detail", "payments.provider_ref")
}, not exists (
            select 1 from payments other force index (payments_order_once)
            where other.order_id = payments.order_id and other.surplus > 0
              and ${namesPayment("order_events.detail", "other.provider_ref")})))
      and not (payments.amount_cents <= (
          select coalesce(sum(chargebacks.amount_cents), 0)
          from chargebacks force index (chargebacks_order)
          where chargebacks.order_id = payments.order_id and chargebacks.payment_id = payments.id
            and chargebacks.state = 'lost')
        and exists (
          select 1 from order_events
          where order_events.order_id = payments.order_id and order_events.event = 'payment_reversed'
            and ${saysLostByChargeback("order_events.detail")}))`;

const ofChargebacks = `chargebacks.payment_id, chargebacks.charge_ref as provider_ref,
      chargebacks.provider_ref as refund_ref, chargebacks.id as chargeback_id, chargebacks.amount_cents,
      chargebacks.currency`;

const cameBack = chargebackStatesWhere(({ money }) => money === "ours")
  .map((state) => `'${state}'`).join(", ");

/**
 * What a report has told of what went back: one that tells nothing of that, as lists of what providers made, says nothing of what
 * came back either.
 */
const toldBy = (kind: "refund" | "reversal") => `
      told.kind = '${kind}' and told.part = unhex('${noPart}') and told.entry is not null`;

const kinds: readonly Kind[] = [
  {
    movement: "charge",
    table: "payments",
    slackDays: 1,
    columns: ofPayments,
    joins: "",
    movedAt: "payments.paid_at",
    where: "payments.provider = ? and payments.status <> 'DECLINED' and payments.amount_cents > 0",
  },
  {
    movement: "refund",
    table: "refunds",
    slackDays: 90,
    columns:
      `payments.id as payment_id, payments.provider_ref, refunds.id as refund_id, refunds.provider_key,
      refunds.amount_cents, orders.currency`,
    joins:
      "straight_join payments on payments.order_id = refunds.order_id and payments.surplus = 0",
    movedAt: "refunds.processed_at",
    where: "payments.provider = ? and refunds.status = 'PROCESSED' and refunds.by_hand = 0",
  },
  {
    movement: "reversal",
    table: "payments",
    slackDays: 90,
    columns: ofPayments,
    joins: "",
    movedAt: "payments.updated_at",
    where: `payments.provider = ? and payments.status = 'REVERSED' and payments.amount_cents > 0
      and ${wentBackThere}`,
  },
  {
    movement: "chargeback",
    table: "chargebacks",
    slackDays: 1,
    columns: ofChargebacks,
    joins: "",
    movedAt: "chargebacks.withdrawn_at",
    where: "chargebacks.provider = ? and chargebacks.amount_cents > 0",
  },
  {
    movement: "won_back",
    table: "chargebacks",
    slackDays: 365,
    columns: ofChargebacks,
    joins: "",
    movedAt: "chargebacks.told_at",
    where: `chargebacks.provider = ? and chargebacks.amount_cents > 0
      and chargebacks.withdrawn_at is not null and chargebacks.state in (${cameBack})`,
  },
  {
    movement: "returned",
    table: "refunds",
    slackDays: 365,
    columns:
      `payments.id as payment_id, payments.provider_ref, refunds.id as refund_id, refunds.provider_key,
      refunds.amount_cents, orders.currency`,
    from: `returned_refunds returned
    straight_join refunds force index (primary) on refunds.id = returned.refund_id
    straight_join provider_movements told on told.subject_id = refunds.id and ${toldBy("refund")}`,
    joins:
      "straight_join payments on payments.order_id = refunds.order_id and payments.surplus = 0",
    movedAt: "returned.returned_at",
    where: "returned.provider = ?",
  },
  {
    movement: "unreversed",
    table: "payments",
    slackDays: 365,
    columns: ofPayments,
    from: `provider_movements told
    straight_join payments force index (primary) on payments.id = told.subject_id`,
    joins: `
    straight_join order_events back force index (order_events_order)
      on back.order_id = payments.order_id and back.event = 'payment_reversal_returned'
        and ${namesPayment("back.detail", "payments.provider_ref")}`,
    movedAt: "back.created_at",
    where: `payments.provider = ? and payments.status in ('REVERSING', 'REVERSED')
      and ${toldBy("reversal")}`,
  },
];

/** What of ours moved in a span, through a provider, and no report tells of; of archived orders, too. */
export async function* missingMoney(
  db: Queryable,
  provider: string,
  span: Span,
): AsyncGenerator<MissingMoney[]> {
  const isArchived = await hasArchived(db);
  for (const kind of kinds) {
    const sql = statementOf(kind);
    const archived = archivedForm(sql);
    const hasBoth = isArchived && archived !== sql;
    // Payments are moved with their order, and have their ids there; refunds and chargebacks stay, and what they join may not.
    const places: [table: string, statements: string[]][] = kind.table === "payments"
      ? [
        ["payments", [sql]],
        ...hasBoth ? [["archived_payments", [archived]] as [string, string[]]] : [],
      ]
      : [[kind.table, hasBoth ? [sql, archived] : [sql]]];
    for (const [table, statements] of places) {
      for await (const [low, high] of idRanges(db, table, span.from, kind.slackDays)) {
        for (const statement of statements) {
          const rows = await db.query(statement, [low, high, provider, span.from, span.until]);
          if (rows.length > 0) yield rows.map((row) => toMissing(row, kind.movement));
        }
      }
    }
  }
}

function statementOf({ movement, table, columns, from, joins, movedAt, where }: Kind): string {
  return `
    select ${table}.order_id, orders.external_order_id, ${columns}, ${movedAt} as moved_at
    from ${from ?? `${table} force index (primary)`}
    left join provider_movements movement
      on movement.kind = '${movement}' and movement.subject_id = ${table}.id and movement.part = unhex('${noPart}')
    ${joins}
    straight_join orders on orders.id = ${table}.order_id
    where ${table}.id between ? and ? and ${where}
      and ${movedAt} >= ? and ${movedAt} < ? and movement.subject_id is null`;
}

function toMissing(row: Row, movement: ReportedKind): MissingMoney {
  const id = (value: Row[string] | undefined) => value == null ? null : toInteger(value);
  const text = (value: Row[string] | undefined) => value == null ? null : String(value);
  return {
    movement,
    orderId: toInteger(row.order_id),
    paymentId: id(row.payment_id),
    refundId: id(row.refund_id),
    chargebackId: id(row.chargeback_id),
    reference: String(row.external_order_id),
    chargeRef: String(row.provider_ref),
    refundRef: text(row.refund_ref),
    key: text(row.provider_key),
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
