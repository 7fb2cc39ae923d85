/**
 * What the ledger of some orders should say, by payments and refunds, and what it says.
 *
 * @module
 */

import type {
  Booked,
  LedgerFacts,
  MovedChargeback,
  MovedPayment,
  MovedRefund,
  MovedTwice,
} from "../../domain/ledger/due_movements.ts";
import {
  accountNamed,
  type LedgerAccount,
  type LedgerSource,
  ledgerSources,
  sourceNamed,
  sourcesOfNoOrder,
} from "../../domain/ledger/chart.ts";
import { chargebackStatesWhere } from "../../domain/payment/chargeback.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { type Scope, within } from "../verification/scope.ts";
import { readRefundedTax, readSaleParts } from "./sale_parts.ts";

/** Seconds for which a process of a version before may have moved money whose rows are still to be written. */
export const graceSeconds = 900;

const isRecent = (column: string) =>
  `${column} >= current_timestamp(6) - interval ${graceSeconds} second as is_recent`;

/**
 * Reads them; in a transaction that has locked the orders, or a snapshot.
 *
 * @param scope some thousand orders at most
 */
export async function readLedgerFacts(db: Queryable, scope: Scope): Promise<LedgerFacts> {
  const chargebacks = await readMovedChargebacks(db, scope);
  const payments = await readMovedPayments(db, scope, chargebacks);
  const sold = payments.filter(({ status }) => status === "SUCCEEDED");
  return {
    payments,
    parts: await readSaleParts(db, [...new Set(sold.map(({ orderId }) => orderId))]),
    refunds: await readMovedRefunds(db, scope),
    twice: await readMovedTwice(db, scope),
    chargebacks,
    booked: await readBooked(db, scope),
  };
}

async function readMovedPayments(
  db: Queryable,
  scope: Scope,
  chargebacks: readonly { paymentId: number; gaveBackCents: number }[],
): Promise<MovedPayment[]> {
  const chargedBack = new Map<number, number>();
  for (const { paymentId, gaveBackCents } of chargebacks) {
    chargedBack.set(paymentId, (chargedBack.get(paymentId) ?? 0) + gaveBackCents);
  }
  const rows = await readEverywhere(
    db,
    `
    select moved.id, moved.order_id, moved.surplus, moved.status, moved.amount_cents,
      coalesce(moved.currency, orders.currency) as currency,
      coalesce(moved.paid_at, moved.created_at) as taken_at, orders.settled_at, moved.updated_at,
      ${isRecent("moved.updated_at")}
    from payments moved force index (payments_order_once)
    straight_join orders on orders.id = moved.order_id
    where ${
      within("moved.order_id", scope)
    } and moved.status <> 'DECLINED' and moved.amount_cents > 0`,
    [],
  );
  return rows.map((row) => ({
    orderId: toInteger(row.order_id),
    surplus: toInteger(row.surplus),
    chargedBackCents: chargedBack.get(toInteger(row.id)) ?? 0,
    status: String(row.status),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    takenAt: String(row.taken_at),
    settledAt: row.settled_at === null ? null : String(row.settled_at),
    changedAt: String(row.updated_at),
    isRecent: toInteger(row.is_recent) === 1,
  }));
}

async function readMovedRefunds(db: Queryable, scope: Scope): Promise<MovedRefund[]> {
  const rows = await db.query(`
    select refunds.id, refunds.order_id, refunds.amount_cents, orders.currency, refunds.processed_at,
      refunds.itemized, returned_refunds.returned_at, ${isRecent("refunds.processed_at")}
    from refunds force index (refunds_order)
    straight_join orders on orders.id = refunds.order_id
    left join returned_refunds on returned_refunds.refund_id = refunds.id
    where ${within("refunds.order_id", scope)}
      and (refunds.status = 'PROCESSED' or returned_refunds.refund_id is not null)`);
  const itemized = rows.filter((row) => toInteger(row.itemized) === 1);
  const tax = await readRefundedTax(db, itemized.map((row) => toInteger(row.id)));
  return rows.map((row) => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    amountCents: toInteger(row.amount_cents),
    taxCents: tax.get(toInteger(row.id)) ?? 0,
    currency: String(row.currency),
    processedAt: String(row.processed_at),
    returnedAt: row.returned_at === null ? null : String(row.returned_at),
    isRecent: toInteger(row.is_recent) === 1,
  }));
}

/** But for what a chargeback took of a sale, as a loss of ours. */
async function readMovedTwice(db: Queryable, scope: Scope): Promise<MovedTwice[]> {
  const rows = await db.query(`
    select twice.id, twice.order_id, twice.amount_cents, twice.currency, twice.chargeback_id, twice.ended_as,
      twice.created_at, twice.updated_at, ${isRecent("twice.updated_at")}
    from money_given_twice twice
    left join chargebacks on chargebacks.id = twice.chargeback_id
    where coalesce(chargebacks.lowers_revenue, 'never') = 'never' and ${
    within("twice.order_id", scope)
  }`);
  return rows.map((row) => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    isOwed: row.chargeback_id !== null,
    endedAs: row.ended_as === null ? null : String(row.ended_as),
    createdAt: String(row.created_at),
    changedAt: String(row.updated_at),
    isRecent: toInteger(row.is_recent) === 1,
  }));
}

/** Chargebacks of an order, with what of a payment they gave back; all that ever were of it, most of them withhold nothing. */
async function readMovedChargebacks(
  db: Queryable,
  scope: Scope,
): Promise<(MovedChargeback & { paymentId: number; gaveBackCents: number })[]> {
  const rows = await db.query(`
    select id, order_id, payment_id, ${withheldCents} as amount_cents, currency, lowers_revenue, gave_back_cents
    from chargebacks
    where order_id is not null and ${within("order_id", scope)}`);
  return rows.map((row) => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    paymentId: toInteger(row.payment_id),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    isExpense: row.lowers_revenue !== "never",
    gaveBackCents: toInteger(row.gave_back_cents),
  }));
}

/** What a chargeback withholds or has taken. */
export const withheldCents = `if(chargebacks.state in (${
  chargebackStatesWhere(({ money }) => money !== "ours").map((state) => `'${state}'`).join(", ")
}), chargebacks.amount_cents, 0)`;

const ofNoOrder = sourcesOfNoOrder.map((name) => ledgerSources[name]).join(", ");

/** Rows that follow from what became of orders; what a later version's sources move follows from nothing here. */
const followed = Object.values(ledgerSources).join(", ");

async function readBooked(db: Queryable, scope: Scope): Promise<Booked[]> {
  const rows = await db.query(`
    select order_id, source, source_id, account, currency, sum(amount_cents) as cents, max(step) as step
    from ledger_entries
    where ${within("order_id", scope)} and source in (${followed})
      and (order_id <> 0 or source not in (${ofNoOrder}))
    group by order_id, source, source_id, account, currency`);
  return rows.map(toBooked);
}

function toBooked(row: Row): Booked {
  return {
    orderId: toInteger(row.order_id),
    source: sourceNamed(toInteger(row.source)) as LedgerSource,
    sourceId: toInteger(row.source_id),
    // An account of a later version is on no account of this one, and so a difference.
    account: accountNamed(toInteger(row.account)) as LedgerAccount,
    currency: String(row.currency),
    amountCents: toInteger(row.cents),
    step: toInteger(row.step),
  };
}
