/**
 * What of ours a provider's lines may be of.
 *
 * @module
 */

import type { ChargebackState } from "../../domain/payment/chargeback.ts";
import { mayBeKey } from "../../domain/payment/payment_key.ts";
import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { wasReturned } from "../refunds/returned_refunds.ts";

/** A payment by its provider's name for it. */
export interface NamedPayment {
  id: number;
  orderId: number;
  ref: string;
  amountCents: number;
  currency: string;
  status: string;
  /** UTC; null where no money was taken. */
  paidAt: string | null;
  /** False where the source did not say when it was paid: `paidAt` is when it was recorded. */
  isTimeKnown: boolean;
  externalOrderId: string;
}

/** Whether the source of a payment did not say when it was made. */
export const isOfUnknownTime = `
  exists (
    select 1 from source_payments source
    where source.order_id = payments.order_id and source.provider = payments.provider
      and source.reference = payments.provider_ref and source.paid_at is null)`;

const paymentColumns = `
  payments.id, payments.order_id, payments.provider_ref, payments.amount_cents,
  coalesce(payments.currency, orders.currency) as currency, payments.status, payments.paid_at,
  orders.external_order_id, ${isOfUnknownTime} as is_of_unknown_time`;

/** Payments by the provider's names for them. */
export async function readPaymentsNamed(
  db: Queryable,
  provider: string,
  refs: readonly string[],
): Promise<Map<string, NamedPayment>> {
  if (refs.length === 0) return new Map();
  const rows = await readEverywhere(
    db,
    `
    select ${paymentColumns}
    from payments force index (payments_provider_ref)
    straight_join orders on orders.id = payments.order_id
    where payments.provider = ? and payments.provider_ref in (?)`,
    [provider, [...refs]],
  );
  return new Map(rows.map((row) => [String(row.provider_ref), toNamedPayment(row)]));
}

/** What a provider has taken of orders, by order: what settles the order first. */
export async function readPaymentsOfOrders(
  db: Queryable,
  provider: string,
  orderIds: readonly number[],
): Promise<Map<number, NamedPayment[]>> {
  if (orderIds.length === 0) return new Map();
  const rows = await readEverywhere(
    db,
    `
    select ${paymentColumns}, payments.surplus
    from payments
    straight_join orders on orders.id = payments.order_id
    where payments.order_id in (?) and payments.provider = ? and payments.status <> 'DECLINED'`,
    [[...orderIds], provider],
    "order by surplus, id",
  );
  return Map.groupBy(rows.map(toNamedPayment), ({ orderId }) => orderId);
}

/** Orders that have money on record that was taken. */
export async function readOrdersWithMoney(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Set<number>> {
  if (orderIds.length === 0) return new Set();
  const rows = await readEverywhere(
    db,
    "select distinct order_id from payments where order_id in (?) and status <> 'DECLINED' and amount_cents > 0",
    [[...orderIds]],
  );
  return new Set(rows.map(({ order_id }) => toInteger(order_id)));
}

function toNamedPayment(row: Row): NamedPayment {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    ref: String(row.provider_ref),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    status: String(row.status),
    paidAt: row.paid_at as string | null,
    isTimeKnown: toInteger(row.is_of_unknown_time) === 0,
    externalOrderId: String(row.external_order_id),
  };
}

/** A refund that a line may be of. */
export interface NamedRefund {
  id: number;
  orderId: number;
  key: string | null;
  amountCents: number;
  currency: string;
  status: string;
  /** UTC; null before. */
  processedAt: string | null;
  /** A person gave it back, or a report told of it: `processedAt` is when somebody said so. */
  isByHand: boolean;
  /** Its provider has made it, and taken it back later. */
  isReturned: boolean;
}

const refundSelect = `
  select refunds.id, refunds.order_id, refunds.provider_key, refunds.amount_cents, orders.currency, refunds.status,
    refunds.processed_at, refunds.by_hand, ${wasReturned} as is_returned
  from refunds
  straight_join orders on orders.id = refunds.order_id`;

/** Refunds that have one of some keys at the provider, or are of one of some orders. */
export async function readRefundsOf(
  db: Queryable,
  { keys, orderIds }: { keys: readonly string[]; orderIds: readonly number[] },
): Promise<NamedRefund[]> {
  const possible = keys.filter(mayBeKey);
  const byKey = possible.length === 0
    ? []
    : await db.query(`${refundSelect} where refunds.provider_key in (?)`, [possible]);
  const byOrder = orderIds.length === 0
    ? []
    : await db.query(`${refundSelect} where refunds.order_id in (?)`, [[...orderIds]]);
  const refunds = [...byKey, ...byOrder].map((row): NamedRefund => ({
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    key: row.provider_key as string | null,
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    status: String(row.status),
    processedAt: row.processed_at as string | null,
    isByHand: toInteger(row.by_hand) !== 0,
    isReturned: toInteger(row.is_returned) === 1,
  }));
  return [...new Map(refunds.map((refund) => [refund.id, refund])).values()]
    .sort((a, b) => a.id - b.id);
}

/** Orders by the keys that a provider was asked for their money under, as far as these were noted. */
export async function readOrdersOfKeys(
  db: Queryable,
  provider: string,
  keys: readonly string[],
): Promise<Map<string, number>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query(
    `
    select charge_keys.charge_key, charge_keys.order_id
    from charge_keys
    straight_join orders on orders.id = charge_keys.order_id
    where charge_keys.provider = ? and charge_keys.charge_key in (?)`,
    [provider, [...keys]],
  );
  return new Map(rows.map((row) => [String(row.charge_key), toInteger(row.order_id)]));
}

/** Orders by the shop's own ids. */
export async function readOrdersByReference(
  db: Queryable,
  references: readonly string[],
): Promise<Map<string, number>> {
  if (references.length === 0) return new Map();
  const rows = await db.query(
    "select id, external_order_id from orders where external_order_id in (?)",
    [[...references]],
  );
  return new Map(rows.map((row) => [String(row.external_order_id), toInteger(row.id)]));
}

/** A chargeback that a line may be of. */
export interface NamedChargeback {
  id: number;
  /** Null while no payment here has a name of its charge. */
  orderId: number | null;
  amountCents: number;
  currency: string;
  state: ChargebackState;
  /** Whether the bank has taken money by it, whatever became of that. */
  wasTaken: boolean;
}

/** Chargebacks by the provider's names for them. */
export async function readChargebacksNamed(
  db: Queryable,
  provider: string,
  refs: readonly string[],
): Promise<Map<string, NamedChargeback>> {
  if (refs.length === 0) return new Map();
  const rows = await db.query(
    `
    select id, provider_ref, order_id, amount_cents, currency, state, withdrawn_at is not null as was_taken
    from chargebacks where provider = ? and provider_ref in (?)`,
    [provider, [...refs]],
  );
  return new Map(rows.map((row) => [String(row.provider_ref), {
    id: toInteger(row.id),
    orderId: row.order_id === null ? null : toInteger(row.order_id),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    state: row.state as ChargebackState,
    wasTaken: toInteger(row.was_taken) === 1,
  }]));
}
