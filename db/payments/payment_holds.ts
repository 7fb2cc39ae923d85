/**
 * Statements on money that providers hold for orders and have not taken.
 *
 * @module
 */

import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { databaseTime } from "../../domain/database_time.ts";
import { namedAmount } from "../../domain/money.ts";
import { addOrderEvents } from "../orders/timelines.ts";

/** `HELD` until it is taken or let go. */
export type HoldStatus = "HELD" | "CAPTURED" | "RELEASED";

/** Money that a provider holds, or held. */
export interface PaymentHold {
  orderId: number;
  /** Of the charge. */
  chargeKey: string;
  provider: string;
  /** The provider's own name for it. */
  providerRef: string;
  /** In minor units of `currency`. */
  amountCents: number;
  currency: string;
  status: HoldStatus;
  /** When the order ends if it was not captured: ISO 8601 in UTC. */
  expiresAt: string;
  /** When somebody asked to take it; null before. */
  captureRequestedAt: string | null;
  /** It is held, and its time is not over. */
  isLive: boolean;
  /** The provider was last asked whether it still holds it so long ago, or before a loss, that it is to be asked again. */
  isDue: boolean;
}

/** A provider is asked once in so many seconds whether it still holds what it held. */
const lookSeconds = 3_600;

/** What the provider was asked before the database lost commits says nothing: that it was captured or let go may be among them. */
const columns = `order_id, charge_key, provider, provider_ref, amount_cents, currency, status,
  expires_at, capture_requested_at,
  status = 'HELD' and expires_at > current_timestamp(6) as is_live,
  (looked_at < current_timestamp(6) - interval ${lookSeconds} second
    or looked_at <= coalesce((select max(books_losses.created_at) from books_losses), '2000-01-01')) as is_due`;

/** What is or was held under charge keys, by key. */
export async function readHolds(
  db: Queryable,
  keys: readonly string[],
): Promise<Map<string, PaymentHold>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query(`select ${columns} from payment_holds where charge_key in (?)`, [
    [...keys],
  ]);
  return new Map(rows.map((row) => {
    const hold = holdOf(row);
    return [hold.chargeKey, hold];
  }));
}

/** What was held last for an order; null for nothing. */
export async function readHoldOf(db: Queryable, orderId: number): Promise<PaymentHold | null> {
  const [row] = await db.query(
    `
    select ${columns}
    from payment_holds
    where order_id = ?
    order by status = 'HELD' desc, created_at desc
    limit 1`,
    [orderId],
  );
  return row === undefined ? null : holdOf(row);
}

/**
 * Of orders, those for which money is held whose time is not over: their reservations do not end. Where its capture was
 * asked for, the provider has as long to answer as for any charge.
 *
 * @param answerSeconds how long that is
 */
export async function readLiveHolds(
  db: Queryable,
  orderIds: readonly number[],
  answerSeconds: number,
): Promise<Set<number>> {
  if (orderIds.length === 0) return new Set();
  const rows = await db.query(
    `
    select order_id
    from payment_holds
    where order_id in (?) and status = 'HELD' and (expires_at > current_timestamp(6)
      or capture_requested_at > current_timestamp(6) - interval ? second)`,
    [[...orderIds], answerSeconds],
  );
  return new Set(rows.map((row) => toInteger(row.order_id)));
}

/** An order that is reserved for money whose time is over. */
export interface OutlivedHold {
  /** Database id of the order. */
  id: number;
  totalCents: number;
  currency: string;
}

/**
 * `RESERVED` orders for which money was held whose time is over, page by page; those whose payment is in dispute wait for a
 * person, and those that were edited may have money held anew.
 */
export async function readOutlivedHolds(
  db: Queryable,
  page: { afterId: number; limit: number },
): Promise<OutlivedHold[]> {
  const rows = await db.query(
    `
    select distinct orders.id, orders.total_cents, orders.currency
    from payment_holds force index (payment_holds_expiry)
      straight_join orders force index (primary) on orders.id = payment_holds.order_id
    where payment_holds.status = 'HELD' and payment_holds.expires_at <= current_timestamp(6)
      and orders.id > ? and orders.status = 'RESERVED'
      and not exists (select 1 from payment_disputes where payment_disputes.order_id = orders.id)
      and not exists (
        select 1 from payment_holds other
        where other.order_id = orders.id and other.status = 'HELD'
          and other.expires_at > current_timestamp(6))
    order by orders.id
    limit ?`,
    [page.afterId, page.limit],
  );
  return rows.map((row) => ({
    id: toInteger(row.id),
    totalCents: toInteger(row.total_cents),
    currency: String(row.currency),
  }));
}

/** What a provider says that it holds. */
export interface ToldHold {
  orderId: number;
  chargeKey: string;
  provider: string;
  providerRef: string;
  amountCents: number;
  currency: string;
  /** When it lets go of it; null where it does not say. */
  expiresAt: Date | null;
}

/**
 * Writes down that money is held, with a step in the timelines of those of which nothing was known; when the order ends is
 * written once. Of two consumers that learn of one hold at the same moment each may tell of it.
 *
 * @param holdSeconds how long an order may wait for its capture, where the provider gives no shorter time
 */
export async function noteHolds(
  db: Queryable,
  told: readonly ToldHold[],
  known: ReadonlyMap<string, PaymentHold>,
  { holdSeconds, actor }: { holdSeconds: number; actor: string },
): Promise<void> {
  if (told.length === 0) return;
  const rows = told.toSorted((a, b) => a.chargeKey < b.chargeKey ? -1 : 1).map((hold) => [
    hold.chargeKey,
    hold.orderId,
    hold.provider,
    hold.providerRef,
    hold.amountCents,
    hold.currency,
    hold.expiresAt && databaseTime(hold.expiresAt),
  ]);
  await db.run(
    `
    insert into payment_holds
      (charge_key, order_id, provider, provider_ref, amount_cents, currency, expires_at)
    select told.charge_key, told.order_id, told.provider, told.provider_ref, told.amount_cents,
      told.currency, least(coalesce(told.expires_at, '9999-12-31'),
        current_timestamp(6) + interval ? second)
    from json_table(?, '$[*]' columns (
      charge_key varchar(64) character set ascii path '$[0]',
      order_id bigint unsigned path '$[1]',
      provider varchar(32) character set ascii path '$[2]',
      provider_ref varchar(128) character set utf8mb4 path '$[3]',
      amount_cents bigint path '$[4]',
      currency char(3) character set ascii path '$[5]',
      expires_at datetime(6) path '$[6]')) told
    on duplicate key update order_id = told.order_id, looked_at = current_timestamp(6),
      status = if(payment_holds.status = 'RELEASED', 'HELD', payment_holds.status)`,
    [holdSeconds, JSON.stringify(rows)],
  );
  await addOrderEvents(
    db,
    told.filter(({ chargeKey }) => !known.has(chargeKey)).map((hold) => ({
      orderId: hold.orderId,
      event: "payment_authorized",
      detail: `${namedAmount(hold.amountCents, hold.currency)} by ${hold.providerRef}`,
    })),
    actor,
  );
}

/** What became of a charge. */
export interface EndedHold {
  chargeKey: string;
  outcome: "succeeded" | "declined";
}

/** Writes down that money is held no more: it was taken, or let go. Belongs into the transaction that settles it. */
export async function endHolds(
  tx: Queryable,
  ended: readonly EndedHold[],
  actor: string,
): Promise<void> {
  const held = [...(await readHolds(tx, ended.map(({ chargeKey }) => chargeKey))).values()]
    .filter(({ status }) => status !== "CAPTURED");
  const outcomes = new Map(ended.map(({ chargeKey, outcome }) => [chargeKey, outcome]));
  const taken = held.filter(({ chargeKey }) => outcomes.get(chargeKey) === "succeeded");
  const released = held.filter(({ chargeKey, status }) =>
    outcomes.get(chargeKey) === "declined" && status === "HELD"
  );
  await markHolds(tx, "CAPTURED", taken);
  await markHolds(tx, "RELEASED", released);
  await addOrderEvents(
    tx,
    released.map(({ orderId, amountCents, currency, providerRef }) => ({
      orderId,
      event: "payment_released",
      detail: `${namedAmount(amountCents, currency)} by ${providerRef}`,
    })),
    actor,
  );
}

/** Money that was taken is never let go. */
async function markHolds(
  tx: Queryable,
  status: HoldStatus,
  holds: readonly PaymentHold[],
): Promise<void> {
  if (holds.length === 0) return;
  await tx.runText(
    "update payment_holds set status = ? where charge_key in (?) and status <> 'CAPTURED'",
    [status, holds.map(({ chargeKey }) => chargeKey).sort()],
  );
}

/**
 * Asks for money that is held to be taken. The order must be locked.
 *
 * @returns false where it was asked for before
 */
export async function requestCapture(tx: Queryable, chargeKey: string): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    update payment_holds
    set capture_requested_at = current_timestamp(6)
    where charge_key = ? and capture_requested_at is null`,
    [chargeKey],
  );
  return affectedRows === 1;
}

/** An order that is over, for which money is held. */
export interface ForgottenHold {
  orderId: number;
  chargeKey: string;
  totalCents: number;
  currency: string;
}

/**
 * Money that is held for orders that are over, and of which nobody asked for so many seconds: what knew of it got lost. It
 * counts as asked about from now on, so that of many processes mostly one does it.
 */
export async function takeForgottenHolds(
  db: Queryable,
  { forSeconds, limit }: { forSeconds: number; limit: number },
): Promise<ForgottenHold[]> {
  const rows = await db.query(
    `
    select payment_holds.order_id, payment_holds.charge_key, orders.total_cents, orders.currency
    from payment_holds force index (payment_holds_open)
      straight_join orders force index (primary) on orders.id = payment_holds.order_id
    where payment_holds.status = 'HELD' and orders.status in ('FAILED', 'CANCELLED')
      and payment_holds.looked_at < current_timestamp(6) - interval ? second
      and orders.settled_at < current_timestamp(6) - interval ? second
    order by payment_holds.order_id
    limit ?`,
    [forSeconds, forSeconds, limit],
  );
  const forgotten = rows.map((row): ForgottenHold => ({
    orderId: toInteger(row.order_id),
    chargeKey: String(row.charge_key),
    totalCents: toInteger(row.total_cents),
    currency: String(row.currency),
  }));
  if (forgotten.length > 0) {
    await db.runText(
      "update payment_holds set looked_at = current_timestamp(6) where charge_key in (?)",
      [forgotten.map(({ chargeKey }) => chargeKey).sort()],
    );
  }
  return forgotten;
}

function holdOf(row: Row): PaymentHold {
  return {
    orderId: toInteger(row.order_id),
    chargeKey: String(row.charge_key),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    status: row.status as HoldStatus,
    expiresAt: toIsoTime(row.expires_at)!,
    captureRequestedAt: toIsoTime(row.capture_requested_at),
    isLive: toInteger(row.is_live) === 1,
    isDue: toInteger(row.is_due) === 1,
  };
}
