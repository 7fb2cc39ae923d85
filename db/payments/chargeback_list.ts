/**
 * Chargebacks as they are shown: of an order, in lists, and what they come to.
 *
 * @module
 */

import { maxCounted } from "../../domain/bounded_count.ts";
import {
  type ChargebackState,
  chargebackStates,
  chargebackStatesWhere,
  type LowersRevenue,
} from "../../domain/payment/chargeback.ts";
import {
  type Queryable,
  type Row,
  toInteger,
  toIsoTime,
  toShownSum,
} from "../connection/database.ts";
import { type MoneySum, toMoneySum } from "./money_sums.ts";

/** A chargeback with what it belongs to. Times are ISO 8601 UTC. */
export interface ListedChargeback {
  id: number;
  provider: string;
  /** The provider's name for it. */
  providerRef: string;
  /** The provider's name for the charge. */
  chargeRef: string;
  /** Null while no payment here has that name; so are what belongs to the order. */
  orderId: number | null;
  paymentId: number | null;
  externalOrderId: string | null;
  recipientName: string | null;
  state: ChargebackState;
  amountCents: number;
  currency: string;
  /** What is withheld, and what is gone, in minor units of `currency`. */
  heldCents: number;
  lostCents: number;
  reason: string | null;
  dueBy: string | null;
  openedAt: string;
  toldAt: string;
  lowersRevenue: LowersRevenue;
  /** When somebody said that they have seen it as it stands; null where nobody has. */
  seenAt: string | null;
  seenBy: string | null;
}

const columns = `
  chargebacks.id, chargebacks.provider, chargebacks.provider_ref, chargebacks.charge_ref, chargebacks.order_id,
  chargebacks.payment_id, chargebacks.state, chargebacks.amount_cents, chargebacks.currency, chargebacks.reason,
  chargebacks.due_by, chargebacks.opened_at, chargebacks.told_at, chargebacks.lowers_revenue, chargebacks.seen_at,
  chargebacks.seen_by, orders.external_order_id, coalesce(orders.recipient_name, customers.first_name) as recipient_name`;

const joins = `
  left join orders on orders.id = chargebacks.order_id
  left join customers on customers.id = orders.customer_id`;

/** Chargebacks of an order, the first one first. */
export async function listChargebacksOf(
  db: Queryable,
  orderId: number,
): Promise<ListedChargeback[]> {
  const rows = await db.query(
    `
    select ${columns}
    from chargebacks force index (chargebacks_order)
    ${joins}
    where chargebacks.order_id = ?
    order by chargebacks.id`,
    [orderId],
  );
  return rows.map(toListed);
}

/** One of them; undefined where there is none. */
export async function readChargeback(
  db: Queryable,
  id: number,
): Promise<ListedChargeback | undefined> {
  const [row] = await db.query(
    `
    select ${columns}
    from chargebacks
    ${joins}
    where chargebacks.id = ?`,
    [id],
  );
  return row === undefined ? undefined : toListed(row);
}

/** Which chargebacks a list holds; what is undefined does not matter. */
export interface ChargebackFilter {
  states?: readonly ChargebackState[];
  /** True for those of charges that nobody here knows. */
  isUnknown?: boolean;
}

/** Chargebacks from the newest down. */
export async function listChargebacks(
  db: Queryable,
  { states, isUnknown }: ChargebackFilter,
  { beforeId = Number.MAX_SAFE_INTEGER, limit }: { beforeId?: number; limit: number },
): Promise<ListedChargeback[]> {
  const rows = await db.query(
    `
    select ${columns}
    from chargebacks
    ${joins}
    where chargebacks.id < ?${states === undefined ? "" : " and chargebacks.state in (?)"}
      ${isUnknown === undefined ? "" : `and chargebacks.order_id is ${isUnknown ? "" : "not "}null`}
    order by chargebacks.id desc
    limit ?`,
    [beforeId, ...(states === undefined ? [] : [[...states]]), limit],
  );
  return rows.map(toListed);
}

/** What chargebacks come to, by currency. */
export interface ChargebackSum extends MoneySum {
  /** The earliest time until which one of them has to be answered, ISO 8601; null where nobody says. */
  dueBy: string | null;
}

const where = {
  /** Somebody has to answer the bank. */
  due: `state in (${quoted(chargebackStatesWhere((state) => state.needsResponse))})`,
  /** Money is withheld. */
  held: `state in (${quoted(chargebackStatesWhere(({ money }) => money === "held"))})`,
  /** Lost, and nobody has said that they have seen it. */
  lost: "state = 'lost' and seen_at is null and order_id is not null",
  /** Of charges that nobody here knows. */
  unknown: "order_id is null and seen_at is null",
};

/** What chargebacks of a kind come to, by currency; of so many as are counted. */
export async function sumChargebacks(
  db: Queryable,
  kind: keyof typeof where,
): Promise<ChargebackSum[]> {
  const rows = await db.query(
    `
    select currency, count(*) as n, sum(amount_cents) as cents, min(due_by) as due_by
    from (
      select currency, amount_cents, due_by
      from chargebacks force index (${
      kind === "unknown" ? "chargebacks_unknown" : "chargebacks_state"
    })
      where ${where[kind]}
      limit ?) found
    group by currency
    order by currency`,
    [maxCounted],
  );
  return rows.map(toSum);
}

/** The money of a customer that is withheld, or gone, by currency. */
export async function sumChargebacksOf(
  db: Queryable,
  customerId: number,
): Promise<{ currency: string; count: number; heldCents: number; lostCents: number }[]> {
  const rows = await db.query(
    `
    select chargebacks.currency, count(*) as n,
      sum(if(chargebacks.${where.held}, chargebacks.amount_cents, 0)) as held_cents,
      sum(if(chargebacks.state = 'lost', chargebacks.amount_cents, 0)) as lost_cents
    from orders force index (orders_customer)
    straight_join chargebacks force index (chargebacks_order) on chargebacks.order_id = orders.id
    where orders.customer_id = ?
    group by chargebacks.currency
    order by chargebacks.currency`,
    [customerId],
  );
  return rows.map((row) => ({
    currency: String(row.currency),
    count: toInteger(row.n),
    heldCents: toShownSum(row.held_cents),
    lostCents: toShownSum(row.lost_cents),
  }));
}

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join(", ");
}

function toSum(row: Row): ChargebackSum {
  return { ...toMoneySum(row), dueBy: toIsoTime(row.due_by) };
}

function toListed(row: Row): ListedChargeback {
  const state = row.state as ChargebackState;
  const amountCents = toInteger(row.amount_cents);
  const { money } = chargebackStates[state];
  return {
    id: toInteger(row.id),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    chargeRef: String(row.charge_ref),
    orderId: row.order_id === null ? null : toInteger(row.order_id),
    paymentId: row.payment_id === null ? null : toInteger(row.payment_id),
    externalOrderId: row.external_order_id as string | null,
    recipientName: row.recipient_name as string | null,
    state,
    amountCents,
    currency: String(row.currency),
    heldCents: money === "held" ? amountCents : 0,
    lostCents: money === "lost" ? amountCents : 0,
    reason: row.reason as string | null,
    dueBy: toIsoTime(row.due_by),
    openedAt: toIsoTime(row.opened_at)!,
    toldAt: toIsoTime(row.told_at)!,
    lowersRevenue: row.lowers_revenue as LowersRevenue,
    seenAt: toIsoTime(row.seen_at),
    seenBy: row.seen_by as string | null,
  };
}
